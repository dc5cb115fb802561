"""From names to a model that answers: download, load, adapter, one answer to warm up; with the phase for /health."""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from app.adapter import check_adapter
from app.chat import Ask, Chat
from app.settings import Settings

PHASES = ("starting", "downloading", "loading", "adapting", "warming", "ready")
_FILES = ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt")


@dataclass(frozen=True, slots=True)
class Status:
    """Where the start stands. `status` is loading, ready or error; `progress` the share of the phases that are over."""

    status: str
    phase: str
    progress: float
    detail: str = ""


class Loader:
    """Loads once, in a thread of its own, and says meanwhile how far it is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._phase = PHASES[0]
        self._error = ""
        self.chat: Chat | None = None

    def begin(self) -> None:
        """Start loading, unless that was begun already or is done; after an error, try again."""
        with self._lock:
            if self.chat is not None or (self._thread is not None and self._thread.is_alive()):
                return
            self._error = ""
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def status(self) -> Status:
        """Of this moment."""
        if self.chat:
            return Status("ready", PHASES[-1], 1.0)
        phase, error = self._phase, self._error
        return Status("error" if error else "loading", phase, PHASES.index(phase) / (len(PHASES) - 1), error)

    def _run(self) -> None:
        try:
            self.chat = self._load()
        except Exception as error:  # whatever it is, /health says it
            self._error = f"{type(error).__name__}: {error}"

    def _load(self) -> Chat:
        wanted = self._settings
        self._phase = "downloading"
        if wanted.adapter:
            check_adapter(wanted.adapter, wanted.model, wanted.adapter_base)
        model_folder = _folder_of(wanted.model)
        adapter_folder = _folder_of(wanted.adapter) if wanted.adapter else None
        self._phase = "loading"
        tokenizer = _tokenizer(model_folder, adapter_folder)
        model = _model(model_folder, wanted.quantization)
        if adapter_folder:
            self._phase = "adapting"
            model = _adapted(model, tokenizer, adapter_folder)
        self._phase = "warming"
        chat = Chat(model.eval(), tokenizer, max_context=wanted.max_context, wait_s=wanted.wait_s)
        for _ in chat.stream(Ask(messages=({"role": "user", "content": "Hello."},), max_tokens=2)):
            pass
        return chat


def _folder_of(name: str) -> str:
    return name if Path(name).is_dir() else snapshot_download(name, allow_patterns=_FILES)


def _tokenizer(model_folder: str, adapter_folder: str | None) -> Any:  # noqa: ANN401  (transformers says no more)
    """The adapter's own tokenizer where it brings one, else the base's: never one guessed from a name."""
    own = adapter_folder if adapter_folder and (Path(adapter_folder) / "tokenizer_config.json").is_file() else None
    tokenizer = AutoTokenizer.from_pretrained(own or model_folder)
    if not tokenizer.chat_template:
        raise ValueError("neither model nor adapter brings a chat template")
    return tokenizer


def _model(folder: str, quantization: str) -> Any:  # noqa: ANN401
    on_gpu = torch.cuda.is_available()
    if quantization != "bf16" and not on_gpu:
        raise ValueError(f"QUANTIZATION={quantization} needs a CUDA GPU; bf16 runs without one")
    config = {
        "4bit": lambda: BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
        ),
        "8bit": _in_8_bit,
        "bf16": lambda: None,
    }[quantization]()
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.bfloat16, quantization_config=config, device_map={"": 0} if on_gpu else None
    )


def _in_8_bit() -> BitsAndBytesConfig:
    """bitsandbytes says for every matrix of every token that it computes in float16: a line each, and a full disk."""
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    return BitsAndBytesConfig(load_in_8bit=True)


def _adapted(model: Any, tokenizer: Any, folder: str) -> Any:  # noqa: ANN401
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(tokenizer))  # the adapter's vocabulary grew
    return PeftModel.from_pretrained(model, folder)
