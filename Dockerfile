# Belay as a container: the binary, its licence and its bill of materials on a base without shell or package manager.
#
# It runs without root, on a read-only root file system and with no capability. With no arguments it runs `belay serve`;
# without a config that listens on loopback, which nobody outside the container reaches, so give it one:
#
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges -p 8080:8080 \
#     -v "$PWD/belay.toml:/etc/belay/belay.toml:ro" belay serve --config /etc/belay/belay.toml
#
# The same sources on the same base images give the same files. So pin both by digest and say what is built:
#
#   docker build --build-arg RUST_IMAGE=… --build-arg RUNTIME_IMAGE=… --build-arg VERSION=… --build-arg REVISION=… \
#     --build-arg CREATED=… --build-arg SOURCE_DATE_EPOCH=… .
#
# The image's own digest depends on the builder's clock as well, unless BuildKit is told `--output
# type=image,rewrite-timestamp=true`, beside SOURCE_DATE_EPOCH.
ARG RUST_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${RUST_IMAGE} AS build

# The compiler is the base image's, and it has to be the one that the repository asks for. The file lies apart from the
# sources: beside them, rustup would fetch its own toolchain in place of the image's.
COPY rust-toolchain.toml /toolchain/
RUN channel=$(sed -n 's/^channel *= *"\(.*\)".*/\1/p' /toolchain/rust-toolchain.toml) \
 && case "$(rustc --version)" in \
      "rustc $channel "* | "rustc $channel."*) ;; \
      *) echo "rust-toolchain.toml asks for $channel, and RUST_IMAGE has $(rustc --version)" >&2; exit 1 ;; \
    esac

WORKDIR /belay

# Which code of the gateway runs, as pgo/renew found it: the compiler works on that, and keeps it together.
COPY pgo/belay.profdata pgo/
ENV RUSTFLAGS=-Cprofile-use=/belay/pgo/belay.profdata

# The dependencies first, from the manifests and an empty program: this layer is built anew only when they change.
# The allocator's C code holds the date of its build, which SOURCE_DATE_EPOCH keeps the same; here it is always 0, so that
# another commit's date does not build all dependencies again.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
 && echo 'fn main() {}' > src/main.rs \
 && touch src/lib.rs \
 && SOURCE_DATE_EPOCH=0 cargo build --locked --release --bin belay

# Then the gateway. A copied file keeps its age, and cargo would take the empty sources above for the newer ones.
COPY src src
RUN touch src/main.rs src/lib.rs \
 && SOURCE_DATE_EPOCH=0 cargo build --locked --release --bin belay

# What goes into the image, with one time on all of it.
COPY LICENSE sbom.cdx.json ./
ARG SOURCE_DATE_EPOCH=0
RUN install -D --mode=0755 target/release/belay /image/usr/local/bin/belay \
 && install -D --mode=0644 --target-directory=/image/usr/share/doc/belay LICENSE sbom.cdx.json \
 && find /image -exec touch --date="@$SOURCE_DATE_EPOCH" {} +

FROM ${RUNTIME_IMAGE}
COPY --from=build /image/ /

# The allocator asks for pages as they are used, and not for two megabytes each time: a third less memory when idle.
ENV MIMALLOC_ALLOW_THP=0

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

# Last, since they differ from build to build.
ARG RUNTIME_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Belay" \
      org.opencontainers.image.description="The gateway between Salesforce orgs and Claude" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${RUNTIME_IMAGE}"
