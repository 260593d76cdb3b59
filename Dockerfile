# The CPU image: OpenVINO runs the model, and TensorFlow is not installed.
#
#   make cpu                        with the shipped encoder, compiled into the image
#   make cpu MODEL=vgg19            with published weights, which are fetched first
#   make cpu MODEL=vgg19 WEIGHTS=   without weights: mount them with docker run -v "$PWD/data:/app/data:ro" ...
#   make cpu OPERATOR=mine:Mine     with a class of your own; requirements-operator.txt names what it imports
#   make cpu PORT=80                on another port
#
# BASE_IMAGE may be any Debian or Ubuntu that has, or can install, Python 3.11 or newer.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS base
RUN command -v python3 >/dev/null || { apt-get update \
    && apt-get install -y --no-install-recommends python3 && rm -rf /var/lib/apt/lists/*; }
RUN python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "BASE_IMAGE needs Python 3.11 or newer")'
ENV PATH=/opt/venv/bin:$PATH

FROM base AS build
RUN python3 -c 'import ensurepip' 2>/dev/null || { apt-get update \
    && apt-get install -y --no-install-recommends python3-venv; }
# requirements-web.txt adds the search page (make web); requirements-analyses.txt is the service of analyses, with no
# model in it (make analyses).
ARG REQUIREMENTS=requirements.txt
COPY ${REQUIREMENTS} /tmp/requirements.txt
RUN python3 -m venv /opt/venv \
    && pip install --no-cache-dir --disable-pip-version-check -r /tmp/requirements.txt
# What your own operator imports, without changing the versions above.
COPY requirements-operator.txt /tmp/
# Build tools, plugins for other devices than the CPU, and the tests of other packages are removed again.
RUN pip install --no-cache-dir --disable-pip-version-check -c /tmp/requirements.txt -r /tmp/requirements-operator.txt \
    && pip uninstall -y --quiet grpcio-tools setuptools pip \
    && cd /opt/venv/lib/python3*/site-packages \
    && rm -rf openvino/libs/libopenvino_intel_[gn]pu_plugin.so openvino/libs/cache.json \
    && find . -type d -name tests -prune -exec rm -rf {} +

FROM build AS app
ARG OPERATOR=auto
ARG MODEL=auto
ARG WEIGHTS=auto
ENV OP_OPERATOR=${OPERATOR} OP_MODEL=${MODEL} OP_WEIGHTS=${WEIGHTS} OP_CACHE_DIR=/var/cache/visop
WORKDIR /app
COPY . .
# Keep only those published weights in data/ that are served.
RUN python -c "from visop.models.registry import MODELS; \
    print(*(s.weights_file for s in MODELS.values() if s.name != '${MODEL}' or '${WEIGHTS}' not in ('auto', 'imagenet')))" \
    | { cd data && xargs rm -f; }
# Loading the operator compiles its model, so that a container starts in a second, even on a read-only file system.
RUN mkdir -p ${OP_CACHE_DIR} && if [ -n "${WEIGHTS}" ]; then python -m visop.encoding.trial; fi
# Make the files readable for any user, because some platforms run every image as a different user in group 0.
RUN mkdir -p /var/lib/visop && python -m compileall -q . && chmod -R a+rX . && chmod -R g=u ${OP_CACHE_DIR} /var/lib/visop

FROM base
COPY --from=build /opt/venv /opt/venv
COPY --from=app /app /app
COPY --from=app --chown=10001:0 /var/cache/visop /var/cache/visop
# What is kept, such as pictures of analyses; a volume that is mounted here belongs to the same user.
COPY --from=app --chown=10001:0 /var/lib/visop /var/lib/visop

ARG OPERATOR=auto
ARG MODEL=auto
ARG WEIGHTS=auto
ARG PORT=50051
# Fewer malloc arenas, so that memory freed by many decoding threads is returned instead of kept for each thread.
ENV OP_OPERATOR=${OPERATOR} OP_MODEL=${MODEL} OP_WEIGHTS=${WEIGHTS} OP_CACHE_DIR=/var/cache/visop \
    OP_BIND=0.0.0.0 OP_OPEN=on OP_ENDPOINT=127.0.0.1:${PORT} MALLOC_ARENA_MAX=2 HOME=/tmp
WORKDIR /app
USER 10001:0
EXPOSE ${PORT}
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=120s --interval=30s --timeout=5s CMD ["python", "-m", "visop", "health"]
CMD ["python", "server.py"]

ARG REVISION=
LABEL org.opencontainers.image.title="visop" \
      org.opencontainers.image.description="A gRPC operator that turns images into vectors" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${REVISION}"
