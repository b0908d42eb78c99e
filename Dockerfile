# The operator's one image; its argument says which program runs: controller, checker or webhook.
#
# BASE is any Linux with Python 3.11 or newer as `python3` and its venv module; name a digest to pin
# it. It makes and carries the image. RUNTIME, where given, carries it alone: a smaller one that has
# the same Python at the same place, for nothing here needs a shell when it runs.
ARG BASE=python:3.11-slim-bookworm
ARG RUNTIME=${BASE}

# A folder of wheels, for a build that shall not ask a package index: give it by
# `--build-context wheels=FOLDER` with `--build-arg PIP_NO_INDEX=1`. Every hash is checked anyway.
FROM scratch AS wheels

FROM ${BASE} AS build
ARG PIP_NO_INDEX=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore \
    PIP_FIND_LINKS=/wheels PIP_ONLY_BINARY=:all:
COPY requirements/build.txt requirements/run.txt /src/requirements/
RUN --mount=type=bind,from=wheels,target=/wheels \
    python3 -m venv /build && python3 -m venv --without-pip /opt/inferencehealth \
    && /build/bin/python -m pip install --quiet --require-hashes -r /src/requirements/build.txt \
    && /build/bin/python -m pip --python /opt/inferencehealth/bin/python \
         install --quiet --no-compile --no-deps --require-hashes -r /src/requirements/run.txt
COPY pyproject.toml README.md LICENSE /src/
COPY operator /src/operator
# Nothing can be compiled later, on a read-only filesystem. Two thirds of the Kubernetes client are
# models and calls that nothing here imports: those stay as they are, and the image 50 MB smaller.
# One process, one order: what several compile at once differs from time to time.
RUN /build/bin/python -m pip wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir /src/dist /src \
    && /build/bin/python -m pip --python /opt/inferencehealth/bin/python \
         install --quiet --no-compile --no-deps --no-index /src/dist/*.whl \
    && /opt/inferencehealth/bin/python -m compileall -q --invalidation-mode unchecked-hash \
         -x '/kubernetes/(aio/)?client/(models|api)/(?!__init__|v1_object_meta|v1_owner|v1_managed)' \
         /opt/inferencehealth/lib

FROM ${RUNTIME}
ARG VERSION=unversioned
ARG REVISION=unknown
LABEL org.opencontainers.image.title="inferencehealth" \
      org.opencontainers.image.description="A Kubernetes operator for the health of model servers" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/inferencehealth /opt/inferencehealth
ENV PATH=/opt/inferencehealth/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# By number, or `runAsNonRoot` cannot tell that it is none of root's.
USER 65532:65532
WORKDIR /
ENTRYPOINT ["/opt/inferencehealth/bin/python", "-P", "-m", "inferencehealth.cli"]
CMD ["--help"]
