# SPDX-License-Identifier: MIT
# An image of chatserverd: builds the packages of debian/ and installs them.
#
#   docker build -t chatserverd .
#   docker run -d --init=false -p 6000:6000 -p 6080:6080 -v chat:/var/lib/chatserverd chatserverd
#
# The server takes clients on 6000 and browsers on 6080, and keeps its store in the volume. Options go behind the name of
# the image (-o login.registration=closed), or mount a chat.conf at /etc/chatserverd/chat.conf. Give `docker stop` more
# time than [core] drain_timeout (-t 15). `docker exec NAME chatctl status` looks at the server. --read-only takes
# --tmpfs /tmp --tmpfs /run/chatserverd:uid=6000 with it.
FROM debian:12-slim AS build
ENV DEBIAN_FRONTEND=noninteractive
WORKDIR /build/source
COPY . .
RUN apt-get update && apt-get install -y --no-install-recommends build-essential autoconf
RUN apt-get build-dep -y --no-install-recommends ./
RUN make deb
RUN mkdir /packages && cp build/deb/chat*.deb /packages && rm /packages/chatserverd-dev_*.deb && rm -f /packages/*-dbgsym_*.deb

FROM debian:12-slim
# A fixed number, so that a volume fits every image.
RUN groupadd --system --gid 6000 chatserverd && \
	useradd --system --uid 6000 --gid chatserverd --home-dir /var/lib/chatserverd --no-create-home --shell /usr/sbin/nologin chatserverd
COPY --from=build /packages /packages
RUN apt-get update && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates /packages/*.deb && \
	rm -rf /packages /var/lib/apt/lists/*
RUN install -d -o chatserverd -g chatserverd /run/chatserverd
RUN sed -i 's/^listen = 127\.0\.0\.1:/listen = 0.0.0.0:/' /etc/chatserverd/chat.conf
USER chatserverd
VOLUME /var/lib/chatserverd
EXPOSE 6000 6080
STOPSIGNAL SIGTERM
# core.admin is always that address, for HEALTHCHECK. For Prometheus give -o core.admin=0.0.0.0:6009, and do not publish
# that port.
# The server is fit to be process 1: it starts no other processes, so it has none to wait for, and it handles its signals.
# So there is no tini.
ENTRYPOINT ["/usr/sbin/chatserverd", "-c", "/etc/chatserverd/chat.conf", "-o", "core.admin=127.0.0.1:6009", \
	"-o", "core.control=/run/chatserverd/control"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
	CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/6009 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r -t 4 line <&3 && [[ $line == HTTP/1.?\\ 200* ]]"]
