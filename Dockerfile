# Belay as a container: the binary, the CA certificates, and nothing else; no shell, no root.
#
# With no arguments it runs `belay serve`. Without a config that listens on loopback, which nobody outside the container
# reaches, so give it one: docker run -v "$PWD/belay.toml:/etc/belay/belay.toml:ro" -p 8080:8080 belay serve --config /etc/belay/belay.toml

FROM rust:1.95-bookworm AS build
WORKDIR /belay

# The dependencies first, from the manifests alone: this layer is built anew only when Cargo.lock changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/it \
 && echo 'fn main() {}' > src/main.rs \
 && touch src/lib.rs tests/it/main.rs \
 && cargo build --locked --release \
 && rm -r src tests

# Then the gateway. A copied file keeps its age, and cargo would take the empty sources above for the newer ones.
COPY src src
RUN touch src/main.rs src/lib.rs \
 && cargo build --locked --release --bin belay

FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="Belay" \
      org.opencontainers.image.description="The gateway between Salesforce orgs and Claude" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /belay/target/release/belay /usr/local/bin/belay
COPY LICENSE /usr/share/doc/belay/LICENSE

# By number, so that Kubernetes can see that it is not root.
USER 65532:65532

# 8080 is for the orgs; 9090 is metrics and probes, never for the public.
EXPOSE 8080 9090

# Asks http://127.0.0.1:9090/livez; there is no shell and no curl in here.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/usr/local/bin/belay", "health"]

# `serve` drains for up to drain_delay_s + drain_s (125 s by default): stop with `docker stop --time 130`.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/belay"]
CMD ["serve"]
