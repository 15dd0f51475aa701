# Kapı from source: Node strips the types, nothing is compiled. How to run it: docs/operating.md.
FROM node:24-bookworm-slim
WORKDIR /opt/kapi
COPY package.json package-lock.json ./
COPY src/contract/package.json src/contract/
COPY src/kit/package.json src/kit/
# The image has a Node 24 of its own; the one that comes along for machines with an older Node is left out.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf node_modules/node-linux-* node_modules/node-win-* node_modules/.bin/node \
  && npm cache clean --force
COPY bin bin
COPY config config
COPY adapters adapters
COPY src src
ENV NODE_ENV=production KAPI_HOST=0.0.0.0 KAPI_PORT=8080 KAPI_CONFIG=/opt/kapi/config KAPI_DATA=/data
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=3s --start-period=30s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.KAPI_PORT}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--disable-proto=delete", "bin/kapi.mjs", "start"]
