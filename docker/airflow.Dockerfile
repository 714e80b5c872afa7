# syntax=docker/dockerfile:1
# The Airflow worker: `docker build --file docker/airflow.Dockerfile --build-arg AIRFLOW=3 --tag longhaul-airflow .`
# It holds Airflow and the locked providers; other providers and operators of your own go into an image made from it.
FROM python:3.12.12-slim-bookworm AS build
ARG AIRFLOW=3
RUN python -m venv /airflow && pip install --no-cache-dir uv==0.13.9
COPY python /build
# Every package is pinned by hash, and compiled ahead: else the processes of the tasks would do it again and again.
# Airflow 2 needs some packages that are published as sources only.
RUN if [ "${AIRFLOW}" = 3 ]; then wheels='--only-binary :all:'; fi \
  && uv pip install --no-cache --python /airflow/bin/python --compile-bytecode --require-hashes ${wheels:-} \
  --requirement /build/requirements/airflow${AIRFLOW}.txt
RUN uv pip install --no-cache --python /airflow/bin/python --compile-bytecode --no-deps /build

FROM python:3.12.12-slim-bookworm
RUN useradd --uid 1000 --create-home airflow \
  && install --directory --owner airflow --group airflow /var/lib/longhaul
COPY --from=build /airflow /airflow
COPY docker/airflow-health.py /airflow/health.py
ENV PATH=/airflow/bin:$PATH LONGHAUL_HOME=/var/lib/longhaul
USER airflow
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "/airflow/health.py"]
ENTRYPOINT ["longhaul-airflow"]
CMD ["worker"]
