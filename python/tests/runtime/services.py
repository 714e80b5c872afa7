"""One small HTTP server: `/hello` for the Http operator, and enough of the Databricks Jobs API."""

import itertools
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


class Services:
    """`run_seconds` is how long a run takes; `cancel_seconds` how long its cancel."""

    def __init__(self):
        self.run_seconds, self.cancel_seconds, self.submit_delay, self.refuse_submit = 1.0, 0.2, 0.0, False
        self.runs, self.tokens, self.requests = {}, {}, []
        self._ids = itertools.count(1001)
        services = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                services.answer(self)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def databricks(self):
        return {
            "conn_type": "databricks",
            "host": "127.0.0.1",
            "schema": "http",
            "port": self.port,
            "password": "dapi-secret",
        }

    def http(self):
        return {"conn_type": "http", "host": "http://127.0.0.1", "port": self.port}

    def answer(self, handler):
        url = urlsplit(handler.path)
        length = int(handler.headers.get("Content-Length") or 0)
        text = handler.rfile.read(length).decode() if length else ""
        is_json = handler.headers.get("Content-Type", "").startswith("application/json")
        body = dict(parse_qsl(url.query)) | (json.loads(text) if text and is_json else {})
        if url.path == "/hello":
            return self.reply(handler, 200, {"path": handler.path})
        call = url.path.partition("/jobs/")[2]
        self.requests.append((call, body))
        status, reply = self.jobs(call, body)
        return self.reply(handler, status, reply)

    def jobs(self, call, body):
        if call in ("runs/submit", "run-now"):
            return self.submit(body)
        run = self.runs.get(int(body.get("run_id", 0)))
        if run is None:
            return 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Run does not exist."}
        if call == "runs/cancel" and run["canceled_at"] is None:
            run["canceled_at"] = time.monotonic()
        return 200, ({} if call == "runs/cancel" else self.view(run))

    def submit(self, body):
        if self.refuse_submit:
            return 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "no such cluster"}
        token = body.get("idempotency_token")
        if token not in self.tokens:
            run_id = next(self._ids)
            self.runs[run_id] = {"id": run_id, "body": body, "started_at": time.monotonic(), "canceled_at": None}
            self.tokens[token or f"none-{run_id}"] = run_id
        time.sleep(self.submit_delay)
        return 200, {"run_id": self.tokens[token] if token else max(self.runs)}

    def state(self, run):
        now = time.monotonic()
        if run["canceled_at"] is not None:
            done = now - run["canceled_at"] > self.cancel_seconds
            return ("TERMINATED", "CANCELED") if done else ("TERMINATING", "")
        return ("TERMINATED", "SUCCESS") if now - run["started_at"] > self.run_seconds else ("RUNNING", "")

    def view(self, run):
        life_cycle, result = self.state(run)
        state = {"life_cycle_state": life_cycle, "state_message": "", "user_cancelled_or_timedout": False}
        if result:
            state["result_state"] = result
        page = f"http://127.0.0.1/#job/{run['id']}"
        return {
            "job_id": 5,
            "run_id": run["id"],
            "state": state,
            "run_page_url": page,
            "tasks": [{"run_id": run["id"], "task_key": "t", "state": state}],
        }

    def reply(self, handler, status, body):
        data = json.dumps(body).encode()
        handler.send_response(status if handler.path.startswith(("/hello", "/api")) else 404)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)
