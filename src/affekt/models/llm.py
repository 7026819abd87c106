"""Language models that complete a conversation: a folder on this machine, or an address that you name.

Both are small: what they share is `complete`, from messages to words. Nothing here opens a connection unless an address
is given.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib import error, request
from urllib.parse import urlsplit

from affekt.core.errors import InputError, ModelError
from affekt.extras import need

__all__ = ["KEY", "Backend", "HuggingFace", "Message", "OpenAICompatible", "open_backend", "written"]

KEY = "AFFEKT_LLM_KEY"
"""The variable that holds the key of an address, where it wants one."""

_SECONDS = 120
_MOST_BYTES = 1 << 20  # of an answer that comes over the network
_ADAPTER, _SETTINGS = "adapter_model.safetensors", "adapter_config.json"


Message = Mapping[str, str]
"""One turn of the talk with a model: its `role` (`system`, `user` or `assistant`) and its `content`."""


@runtime_checkable
class Backend(Protocol):
    """Anything that completes messages."""

    @property
    def name(self) -> str:
        """What it is called in records."""
        ...

    def complete(self, messages: Sequence[Message]) -> str:
        """What the model says next.

        Raises:
            ModelError: It cannot be asked.
        """
        ...


def written(messages: Sequence[Message]) -> str:
    """Messages as plain text, for a model without a template of its own."""
    return "\n\n".join(m["content"] for m in messages) + "\n\nAnswer:"


class HuggingFace:
    """A causal language model in a folder, as transformers saves it. Needs the `bench` extra.

    The likeliest token is taken each time, so that an answer is the same again. Code that comes with a model is not
    run. Tokens that steer the model are taken out of what is said to it.

    Args:
        folder: Folder of the model and its tokenizer.
        adapter: Folder of a LoRA adapter (`affekt train --prompt`); it is added to the weights.
        most: Most tokens of an answer.
        window: Most tokens that are read; default what the model's configuration allows. What is too much is cut at
            the beginning.

    Raises:
        ModelError: The folder holds no such model, or the adapter does not fit it.
    """

    def __init__(
        self, folder: str | Path, *, adapter: str | Path | None = None, most: int = 12, window: int | None = None
    ) -> None:
        here = Path(folder)
        if not (here / "config.json").is_file():
            raise ModelError("The folder holds no model of transformers", where=str(here))
        transformers = need("transformers", extra="bench")
        kept: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(here, **kept)
            self.model = transformers.AutoModelForCausalLM.from_pretrained(here, use_safetensors=True, **kept)
        except (OSError, ValueError, KeyError) as err:
            raise ModelError(f"The model cannot be loaded: {err}", where=str(here)) from err
        self.model.eval()
        self.most = most
        longest = window or getattr(self.model.config, "max_position_embeddings", None) or 2048
        self.window = max(1, int(longest) - most)
        self.name = here.resolve().name
        if adapter is not None:
            self._add(Path(adapter))
            self.name += f"+{Path(adapter).resolve().name}"

    def _add(self, adapter: Path) -> None:
        """Add a low-rank adapter to the weights that it was learned beside."""
        from safetensors import SafetensorError

        safetensors = need("safetensors.torch", extra="bench")
        try:
            settings = json.loads((adapter / _SETTINGS).read_text(encoding="utf-8"))
            given = safetensors.load_file(adapter / _ADAPTER)
            scale = float(settings["lora_alpha"]) / int(settings["r"])
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as err:
            raise ModelError("The folder holds no LoRA adapter", where=str(adapter)) from err
        held = dict(self.model.named_parameters())
        begin, down, up = "base_model.model.", ".lora_A.weight", ".lora_B.weight"
        for name in given:
            if not name.endswith(down):
                continue
            module = name.removeprefix(begin).removesuffix(down)
            weight, a, b = held.get(f"{module}.weight"), given[name], given.get(f"{begin}{module}{up}")
            if weight is None or b is None or tuple(weight.shape) != (b.shape[0], a.shape[1]):
                raise ModelError(f"The adapter does not fit the model at {module}", where=str(adapter))
            weight.data += scale * (b @ a).to(weight.dtype)

    def tokens(self, messages: Sequence[Message]) -> list[int]:
        """Messages as tokens, in the model's own template where it has one."""
        clean = [{"role": m["role"], "content": self._plain(m["content"])} for m in messages]
        if self.tokenizer.chat_template:
            text = self.tokenizer.apply_chat_template(clean, tokenize=False, add_generation_prompt=True)
            ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        else:
            ids = self.tokenizer(written(clean))["input_ids"]
        return list(ids)

    def _plain(self, text: str) -> str:
        for token in self.tokenizer.all_special_tokens:
            text = text.replace(token, " ")
        return text

    def complete(self, messages: Sequence[Message]) -> str:
        """What the model says next; see `Backend.complete`."""
        torch = need("torch", extra="bench")
        ids = torch.tensor([self.tokens(messages)[-self.window :]])
        pad = self.tokenizer.pad_token_id
        with torch.no_grad():
            out = self.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=self.most,
                do_sample=False,
                pad_token_id=self.tokenizer.eos_token_id if pad is None else pad,
            )
        said: str = self.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
        return said


class _NoRedirect(request.HTTPRedirectHandler):
    """An answer must not send the texts, or the key, elsewhere."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class OpenAICompatible:
    """A server that speaks the chat protocol of OpenAI (vLLM, llama.cpp, Ollama, and others).

    Texts are sent to the address that you name, and nowhere else. The key, where one is needed, comes from
    `AFFEKT_LLM_KEY` and is never written anywhere.

    Args:
        address: Address up to `/v1`.
        model: Name of the model there.
        most: Most tokens of an answer.

    Raises:
        InputError: The address is none.
    """

    def __init__(self, address: str, model: str, *, most: int = 12) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or not model:
            raise InputError(
                f"{address!r} with the model {model!r} is no address",
                hint="Write http://localhost:8000/v1#NAME-OF-THE-MODEL.",
            )
        self._address, self._model, self._most = address.rstrip("/"), model, most
        self.name = f"{model} at {parts.hostname}"

    def complete(self, messages: Sequence[Message]) -> str:
        """What the model says next; see `Backend.complete`."""
        body = {
            "model": self._model,
            "messages": [dict(m) for m in messages],
            "temperature": 0,
            "max_tokens": self._most,
        }
        head = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY):
            head["Authorization"] = f"Bearer {key}"
        # The scheme was checked: it is http or https.
        asked = request.Request(f"{self._address}/chat/completions", json.dumps(body).encode(), head)  # noqa: S310
        try:
            with request.build_opener(_NoRedirect).open(asked, timeout=_SECONDS) as reply:
                raw = reply.read(_MOST_BYTES + 1)
        except error.HTTPError as err:
            raise ModelError(f"The server answered {err.code} {err.reason}", where=self._address) from err
        except (error.URLError, OSError) as err:
            raise ModelError(f"The server cannot be reached: {err}", where=self._address) from err
        try:
            answer: Mapping[str, Any] = json.loads(raw[:_MOST_BYTES])
            return str(answer["choices"][0]["message"]["content"] or "")
        except (ValueError, KeyError, IndexError, TypeError) as err:
            raise ModelError("The server's answer has no words", where=self._address) from err


def open_backend(where: str, *, adapter: str | Path | None = None, most: int = 12) -> Backend:
    """The language model at a place.

    Args:
        where: A folder, or an address with the name of the model behind `#`.
        adapter: Folder of a LoRA adapter; of a folder alone.
        most: Most tokens of an answer.

    Raises:
        InputError: An adapter is named for an address.
        ModelError: The folder holds no such model.
    """
    if where.startswith(("http://", "https://")):
        if adapter is not None:
            raise InputError("An adapter is added to a model in a folder, not to one at an address")
        address, _, model = where.partition("#")
        return OpenAICompatible(address, model, most=most)
    return HuggingFace(where, adapter=adapter, most=most)
