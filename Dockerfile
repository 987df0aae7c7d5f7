# syntax=docker/dockerfile:1

# The Go toolchain that go.mod asks for, and nothing it does not need.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.release=${VERSION}" -o /out/usr/bin/recsvc ./cmd/recsvc && \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/usr/bin/healthcheck ./internal/tools/healthcheck && \
    mkdir -p /out/data /out/tmp /out/etc/ssl/certs && \
    cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ && \
    chown -R 65532:65532 /out/data /out/tmp

# No shell, no package manager, no root.
FROM scratch
COPY --from=build /out/ /
USER 65532:65532
ENV RECSVC_LISTEN=0.0.0.0:8080 RECSVC_DATA=/data
VOLUME /data
EXPOSE 8080
# SIGTERM drains, takes a last checkpoint and closes.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["/usr/bin/healthcheck", "http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["/usr/bin/recsvc"]
CMD ["serve"]
