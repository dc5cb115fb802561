"""The engine's log tells how far it is, and when there is no hope."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.serving.engine_log import fatal_in, phase_of

START = "INFO 11-20 [utils.py:233] non-default args: {'model': 'org/model'}"
LOAD = "(EngineCore pid=7) INFO [gpu_model_runner.py] Starting to load model org/model..."
FETCHED = "(EngineCore) INFO [weight_utils.py] Time spent downloading weights for org/model: 93.120000 seconds"
SHARDS = "(EngineCore) Loading safetensors checkpoint shards:  50% Completed | 1/2"
LOADED = "(EngineCore) INFO [gpu_model_runner.py] Model loading took 13.4967 GiB memory and 22.000000 seconds"
COMPILED = "(EngineCore) INFO [monitor.py] torch.compile took 38.00 s in total"
KV = "(EngineCore) INFO [kv_cache_utils.py] GPU KV cache size: 63,536 tokens"
GGUF_LOAD = "0.00.191.987 I srv    load_model: loading model 'org/model'"
GGUF_SLOTS = "0.00.337.327 I srv    load_model: initializing, n_slots = 4, n_ctx_slot = 8192, kv_unified = 'true'"
GGUF_UP = "0.00.338.869 I srv  llama_server: listening on http://0.0.0.0:8000"
UP = "(APIServer) INFO:     Application startup complete."


@pytest.mark.parametrize(
    ("lines", "phase", "detail"),
    [
        ([], "starting", ""),
        (["something else"], "starting", ""),
        ([START], "starting", "engine is reading its settings"),
        ([START, LOAD], "downloading", "org/model"),
        ([START, LOAD, FETCHED], "loading", "downloaded in 93 s"),
        ([START, LOAD, FETCHED, SHARDS], "loading", "weights 50%"),
        ([LOAD, SHARDS, LOADED], "compiling", "13.5 GiB of weights loaded"),
        ([LOADED, COMPILED], "compiling", "compiled in 38 s"),
        ([COMPILED, KV], "capturing graphs", "room for 63,536 tokens"),
        ([KV, UP], "serving", ""),
        ([GGUF_LOAD], "loading", "org/model"),
        ([GGUF_LOAD, GGUF_SLOTS], "warming up", "4 sequences of 8192 tokens"),
        ([GGUF_LOAD, GGUF_SLOTS, GGUF_UP], "serving", ""),
    ],
)
def test_the_newest_phase_wins(lines, phase, detail):
    assert phase_of("\n".join(lines)) == (phase, detail)


@given(st.text(alphabet="0123456789. -eE%,GiBs", max_size=12))
def test_no_figure_however_garbled_breaks_the_reading(figure):
    for line in (LOADED, COMPILED, FETCHED, GGUF_SLOTS, KV):
        phase_of(re.sub(r"\d[\d.,]*", figure, line))


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("ValueError: To serve at least one request with the models's max seq len (131072), 8 GiB KV cache", "card"),
        ("ValueError: No available memory for the cache blocks. Try increasing", "card"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "card"),
        ("vllm: error: unrecognized arguments: --swap-space 16", "option"),
        ("huggingface_hub.errors.GatedRepoError: 403 Client Error.", "HF_TOKEN"),
        ("OSError: [Errno 28] No space left on device", "disk"),
        ("Error 803: system has unsupported display driver / cuda driver combination", "driver"),
        ("RuntimeError: Engine core initialization failed. See root cause above.", "lint"),
        ("error: invalid argument: --nix", "option"),
        ("E llama_model_load: error loading model: tensor 'x' data is not within the file bounds", "file"),
        ("E srv  llama_server: exiting due to model loading error", "lint"),
    ],
)
def test_a_fatal_line_comes_with_its_remedy(line, remedy):
    assert remedy in fatal_in(f"{START}\n(EngineCore) ERROR [core.py] {line}\n{line}").remedy


def test_the_cause_is_named_before_the_engines_last_words():
    log = "RuntimeError: Engine core initialization failed.\nEngineCore failed to start.\nCUDA out of memory"
    assert fatal_in(log).line == "CUDA out of memory"


def test_a_cause_that_nobody_knows_is_named_in_the_engines_own_words():
    log = "\n".join(
        [
            START,
            "(EngineCore pid=7) ERROR 11-21 12:12:54 [core.py:1100] EngineCore failed to start.",
            "(EngineCore pid=7) ERROR 11-21 12:12:54 [core.py:1100] ValueError: this head size is not supported",
            "(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above.",
        ]
    )
    assert fatal_in(log).line == "ValueError: this head size is not supported"


def test_a_context_beyond_the_models_own_starts_nowhere_and_says_what_would():
    said = "ValueError: User-specified max_model_len (65536) is greater than the derived max_model_len (40960)"
    found = fatal_in(f"{START}\n(EngineCore) ERROR [core.py] EngineCore failed to start.\n(APIServer) {said}")
    assert (found.line, found.blames_launch) == (said, True)
    assert "--rope-scaling-factor" in found.remedy


def test_a_healthy_start_has_no_fatal_line():
    assert fatal_in("\n".join([START, LOAD, FETCHED, SHARDS, LOADED, COMPILED, KV, UP])) is None


ENDED = """\
(APIServer pid=1) INFO 11-21 12:12:54 [launcher.py:100] [shutdown] API server: shutdown triggered
(EngineCore pid=7) INFO 11-21 12:12:54 [core.py:1214] [shutdown] EngineCore: trigger received signal=SIGTERM
(APIServer pid=1) ERROR 11-21 12:12:54 [async_llm.py:704] AsyncLLM output_handler failed.
(APIServer pid=1) ERROR 11-21 12:12:54 [async_llm.py:704] vllm.v1.engine.exceptions.EngineDeadError: EngineCore \
encountered an issue. See stack trace (above) for the root cause."""
"""What vLLM 0.25.1 printed when a healthy server was ended with SIGTERM (an H200)."""

DEAD = "(APIServer) ERROR [async_llm.py] vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue."


def test_a_server_that_was_told_to_end_is_no_failed_card():
    assert fatal_in("\n".join([START, KV, UP, ENDED])) is None


def test_the_end_of_the_run_before_is_no_fault_of_the_next():
    assert fatal_in("\n".join([START, UP, ENDED, START, LOAD])) is None


def test_an_engine_that_dies_by_itself_is_a_failed_card():
    assert fatal_in("\n".join([START, UP, DEAD])).blames_machine
    assert fatal_in("\n".join([START, UP, DEAD, ENDED])).blames_machine
    assert fatal_in("\n".join([START, UP, ENDED, START, UP, DEAD])).blames_machine


def test_other_causes_are_heard_while_it_ends():
    """A start that fails ends its other processes by the same signal."""
    log = "\n".join([START, ENDED, "RuntimeError: Engine core initialization failed.", "CUDA out of memory"])
    assert fatal_in(log).line == "CUDA out of memory"
