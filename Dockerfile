# A machine to build and test rocm-attention on, with the HIP runtime: docs/gpu-ci.md has the options that let it see the GPUs.
ARG ROCM=rocm/dev-ubuntu-24.04:6.4
ARG NODE=node:22-bookworm-slim
FROM ${NODE} AS node
FROM ${ROCM}

COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
 && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
      ca-certificates cmake g++ git make python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*

# The compilers of ROCM_PATH serve for kernels in HIP C++. What is built outlives a container in the cache's volume.
ENV ROCM_PATH=/opt/rocm ROCM_ATTENTION_CACHE=/cache
VOLUME /cache
WORKDIR /work
CMD ["npm", "run", "test:gpu"]
