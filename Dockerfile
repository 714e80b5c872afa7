# syntax=docker/dockerfile:1
FROM node:20.20.2-bookworm-slim AS build
WORKDIR /build
COPY . .
RUN sh docker/build-steps.sh

FROM node:20.20.2-bookworm-slim
# The SDK's native core reads the system's certificates; the slim image has none.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
RUN ln -s /app/dist/src/cli/cli.js /usr/local/bin/longhaul
USER node
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["node", "-e", "fetch('http://127.0.0.1:9464/metrics').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["longhaul"]
CMD ["worker", "--metrics-port", "9464"]
