import { type Command, Option } from "commander";

/**
 * The options of \`vllm serve\` (v0.12 and v0.13) that do not bear on attention, by what follows them. They are accepted
 * and named as without effect, so that whole command lines can be explained.
 */
const SWITCHES = `
aggregate-engine-logging allow-credentials async-scheduling calculate-kv-scales cudagraph-metrics
data-parallel-external-lb data-parallel-hybrid-lb disable-cascade-attn disable-chunked-mm-input
disable-custom-all-reduce disable-fastapi-docs disable-frontend-multiprocessing
disable-hybrid-kv-cache-manager disable-log-requests disable-log-stats disable-mm-preprocessor-cache
disable-nccl-for-dp-synchronization disable-uvicorn-access-log enable-auto-tool-choice
enable-chunked-prefill enable-dbo enable-eplb enable-expert-parallel enable-force-include-usage
enable-layerwise-nvtx-tracing enable-log-outputs enable-log-requests enable-lora enable-mm-embeds
enable-multimodal-encoder-data-parallel enable-prefix-caching enable-prompt-embeds
enable-prompt-tokens-details enable-request-id-headers enable-server-load-tracking enable-sleep-mode
enable-ssl-refresh enable-tokenizer-info-endpoint enforce-eager exclude-tools-when-tool-choice-none
fully-sharded-loras headless interleave-mm-strings kv-cache-metrics kv-sharing-fast-prefill
log-error-stack ray-workers-use-nsight return-tokens-as-token-ids skip-mm-profiling skip-tokenizer-init
tokens-only trust-remote-code trust-request-chat-template use-tqdm-on-load
`;

const WITH_VALUE = `
additional-config all2all-backend allowed-headers allowed-local-media-path allowed-methods allowed-origins
api-server-count chat-template chat-template-content-format code-revision compilation-config config-format
convert cp-kv-cache-interleave-size cpu-offload-gb data-parallel-address data-parallel-backend
data-parallel-rank data-parallel-rpc-port data-parallel-size data-parallel-size-local
data-parallel-start-rank dbo-decode-token-threshold dbo-prefill-token-threshold
dcp-kv-cache-interleave-size default-mm-loras distributed-executor-backend download-dir ec-transfer-config
eplb-config expert-placement-strategy generation-config gpu-memory-utilization h11-max-header-count
h11-max-incomplete-event-size host io-processor-plugin kv-cache-memory-bytes kv-cache-metrics-sample
kv-events-config kv-offloading-backend kv-offloading-size kv-transfer-config limit-mm-per-prompt
load-format log-config-file logits-processor-pattern logprobs-mode long-prefill-token-threshold lora-dtype
mamba-block-size mamba-cache-dtype mamba-ssm-cache-dtype master-addr master-port max-cpu-loras
max-cudagraph-capture-size max-log-len max-logprobs max-long-partial-prefills max-lora-rank max-loras
max-num-batched-tokens max-num-partial-prefills max-num-seqs max-parallel-loading-workers media-io-kwargs
middleware mm-encoder-attn-backend mm-encoder-tp-mode mm-processor-cache-gb mm-processor-cache-type
mm-processor-kwargs mm-shm-cache-max-object-size-mb model-impl model-loader-extra-config nnodes node-rank
num-gpu-blocks-override optimization-level otlp-traces-endpoint override-attention-dtype
override-generation-config pipeline-parallel-size pooler-config port prefix-caching-hash-algo
profiler-config pt-load-map-location quantization reasoning-parser reasoning-parser-plugin response-role
revision root-path runner safetensors-load-strategy scheduler-cls scheduling-policy seed
show-hidden-metrics-for-version speculative-config ssl-ca-certs ssl-cert-reqs ssl-certfile ssl-keyfile
stream-interval structured-outputs-config swap-space task tokenizer tokenizer-mode tokenizer-revision
tool-call-parser tool-parser-plugin tool-server uds uvicorn-log-level video-pruning-rate worker-cls
worker-extension-cls
`;

const WITH_VALUES = `
allowed-media-domains api-key collect-detailed-traces cuda-graph-sizes cudagraph-capture-sizes
ignore-patterns logits-processors lora-modules served-model-name
`;

const WITH_OPTIONAL_VALUE = "hf-token";

/** Declares them to a command; its help does not list them. */
export function addOtherOptions(command: Command): Command {
  const declare = (names: string, ...flagsOf: ((name: string) => string)[]) => {
    for (const name of names.trim().split(/\s+/)) {
      for (const flags of flagsOf) command.addOption(new Option(flags(name)).hideHelp());
    }
  };
  declare(
    SWITCHES,
    (name) => `--${name}`,
    (name) => `--no-${name}`,
  );
  declare(WITH_VALUE, (name) => `--${name} <value>`);
  declare(WITH_VALUES, (name) => `--${name} <values...>`);
  declare(WITH_OPTIONAL_VALUE, (name) => `--${name} [value]`);
  return command;
}
