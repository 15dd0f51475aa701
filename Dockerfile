# Kapı from source: Node strips the types, nothing is compiled.
FROM node:24-bookworm-slim
WORKDIR /opt/kapi
COPY package.json package-lock.json ./
COPY src/contract/package.json src/contract/
COPY src/kit/package.json src/kit/
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force
COPY bin bin
COPY config config
COPY adapters adapters
COPY src src
ENV NODE_ENV=production KAPI_HOST=0.0.0.0 KAPI_CONFIG=/opt/kapi/config KAPI_DATA=/data
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=3s CMD ["node", "-e", "fetch('http://127.0.0.1:8080/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--disable-proto=delete", "bin/kapi.mjs", "start"]
