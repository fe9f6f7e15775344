"""AITER's kernels, from its wheel: unified attention and paged decode in Triton, assembly as code objects, and paged decode
in HIP C++."""

from kernels.aiter import fmha_v3, mla, pa, pa_decode, unified_attention
from kernels.builder import clang, code_object, triton, wheel
from kernels.builder.instance import BuildError, Instance, Made
from kernels.builder.paths import absolute

NAME = "aiter"
IN_WHEEL = True
IN_TRITON = {module.SOURCE: module for module in (unified_attention, pa_decode)}

PARTITION_ARGUMENTS = (
    "q:pointer k_cache:pointer v_cache:pointer scale:float32 block_tables:pointer cu_query_lens:pointer "
    "context_lens:pointer max_num_blocks_per_seq:int32 alibi_slopes:pointer q_stride:int32 kv_block_stride:int32 "
    "kv_head_stride:int32 kv_seq_stride:int32 exp_sums:pointer max_logits:pointer out:pointer logits_soft_cap:float32 "
    "logits_soft_cap_rcp:float32 q_scale_ptr:pointer k_scale_ptr:pointer v_scale_ptr:pointer variant:pointer "
    "sliding_window:int32")
REDUCE_ARGUMENTS = ("out:pointer exp_sums:pointer max_logits:pointer tmp_out:pointer cu_query_lens:pointer "
                    "context_lens:pointer max_num_partitions:int32 fp8_out_scale_ptr:pointer")
# Our scale has log2(e) in it; this one has not.
HIP_NAMES = {"scale": "softmax_scale", "q": "query", "k_cache": "key_cache", "v_cache": "value_cache",
             "block_tables": "block_table", "cu_query_lens": "query_start_loc", "context_lens": "seq_lens",
             "max_num_blocks_per_seq": "stride_table", "q_stride": "stride_query_token",
             "kv_block_stride": "stride_block", "kv_head_stride": "stride_head",
             "kv_seq_stride": "stride_slot", "exp_sums": "partial_sum", "max_logits": "partial_max"}


def instances(target, chosen):
    if chosen == "tests":
        return [*hip_instances(), *pa_decode.instances(target), *fmha_v3.instances(target, chosen), *pa.instances(target, chosen)]
    return [*unified_attention.instances(target, chosen), *mla.instances(target, chosen),
            *fmha_v3.instances(target, chosen), *pa.instances(target, chosen)]


def hip_instances():
    """kernels/aiter/pa_v1.hip's two kernels."""
    serves = {"dtypes": ["bfloat16"], "headSizes": {"oneOf": [128]}, "queriesPerKv": {"oneOf": [8]},
              "queryTokens": {"oneOf": [1]}, "attentionTypes": ["decoder"], "features": {}}
    paged = {**serves, "kvCacheDtypes": ["auto"], "blockSizes": {"oneOf": [16]}, "layouts": ["paired", "halves"]}

    def instance(operation, kernel, workgroup_size, arguments, names, serves, grid):
        description = {"source": "kernels/aiter/pa_v1.hip", "flags": wheel.FLAGS, "kernel": kernel,
                       "workgroupSize": workgroup_size, "arguments": arguments,
                       "headers": [wheel.path("aiter_meta/3rdparty/composable_kernel/include"), wheel.path("aiter_meta/csrc/cpp_itfs/pa")]}
        return Instance(f"aiter.{operation}.bfloat16.d128", operation, description, serves, grid, {"keys": 256}, "hip",
                        names, published=False, verified="emulator")

    return [instance("paged_attention_split", "paged_attention_ll4mi_QKV_mfma16_kernel", 256, PARTITION_ARGUMENTS,
                     {**HIP_NAMES, "out": "partial"}, paged, "(numSequences, ceil(maxSeqLen / keys), numKvHeads)"),
            instance("paged_attention_reduce", "paged_attention_ll4mi_reduce_kernel", 128, REDUCE_ARGUMENTS,
                     {**HIP_NAMES, "out": "output", "tmp_out": "partial"}, serves, "(numHeads, numSequences)")]


def compile(instance, target, folder):
    if instance.variant == "triton":
        return IN_TRITON[instance.description["source"]].compile(instance, target, folder)
    of = instance.description
    if "object" in of:
        code, dependencies = absolute(of["object"]).read_bytes(), (absolute(of["object"]),)
        symbol = of["symbol"]
    else:
        code, dependencies, _ = clang.compile_source(of["source"], of["flags"], of["headers"], target, folder)
        symbols = [name for name in code_object.read(code) if of["kernel"] in name]
        if len(symbols) != 1:
            raise BuildError(f"{of['source']}: expected one kernel {of['kernel']}, found {len(symbols)}")
        symbol = symbols[0]
    arguments = [dict(zip(("name", "type"), argument.split(":"))) for argument in of["arguments"].split()]
    facts = {"symbol": symbol, "workgroupSize": of["workgroupSize"], "ldsBytes": 0, "arguments": arguments}
    return Made(code, facts, dependencies)


def compiler(instance):
    if instance.variant == "asm":
        return {"name": "aiter", "version": wheel.VERSION}
    return triton.compiler() if instance.variant == "triton" else clang.compiler()


def licences():
    """The licences that stand beside the kernels, by the name of the file."""
    return {"LICENSE.aiter": wheel.licence(f"amd_aiter-{wheel.VERSION}.dist-info/LICENSE")}
