# Builds vitro on Debian 12.  The last image has the program and the libraries that it needs.
#   docker build -t vitro .
#   docker run --rm vitro generate --prompt "The little cat"
FROM debian:12 AS build
WORKDIR /source
COPY scripts/setup scripts/setup
RUN ./scripts/setup
COPY . .
RUN cmake --preset release -DVITRO_BUILD_TESTS=OFF -DVITRO_BUILD_EXAMPLES=OFF \
 && cmake --build --preset release \
 && cmake --install build/release --prefix /vitro --strip

FROM debian:12-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libdnnl2 libpcre2-8-0 libutf8proc2 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /vitro/bin/vitro /usr/local/bin/vitro
USER nobody
WORKDIR /tmp
ENTRYPOINT ["vitro"]
