import { startHttpServer, type Answer, type HttpServer, type SeenRequest } from '../../support/http-server';

/** A small site for HttpOperator: it greets, and it repeats what it was sent. */
export function startHttpSite(): Promise<HttpServer> {
  return startHttpServer((request) => ({ headers: { 'content-type': 'text/plain' }, ...answer(request) }));
}

function answer({ target, headers }: SeenRequest): Answer {
  if (target.startsWith('/fail')) return { status: 500, body: 'it failed' };
  if (target.startsWith('/echo')) return { body: `you sent ${headers.authorization ?? 'nothing'}` };
  return { body: `hello from ${target}` };
}
