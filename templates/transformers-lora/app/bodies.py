"""The bodies that clients send, checked."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(max_length=200_000)]
Temperature = Annotated[float, Field(ge=0, le=2)]
TopP = Annotated[float, Field(gt=0, le=1)]
Tokens = Annotated[int, Field(ge=1, le=32_768)]


class Message(BaseModel):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: Text


class StreamOptions(BaseModel):
    """`include_usage`: the stream ends with the tokens that were counted."""

    include_usage: bool = False


class Completion(BaseModel):
    """POST /v1/chat/completions: OpenAI's fields that this server knows; others are ignored, as clients expect."""

    model_config = ConfigDict(extra="ignore")

    messages: Annotated[list[Message], Field(min_length=1, max_length=1000)]
    model: str | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    temperature: Temperature = 0.7
    top_p: TopP = 1.0
    stream: bool = False
    stream_options: StreamOptions | None = None


class ChatRequest(BaseModel):
    """POST /chat: a message, what was said before, and how the model shall be."""

    model_config = ConfigDict(extra="forbid")

    message: Annotated[Text, Field(min_length=1)]
    system: Text | None = None
    history: Annotated[list[Message], Field(max_length=1000)] = []
    max_tokens: Tokens | None = None
    temperature: Temperature = 0.7
    stream: bool = False


class Check(BaseModel):
    """What an answer must hold."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["equals", "contains", "icontains", "regex", "not-contains", "not-icontains"]
    value: Text


class Question(BaseModel):
    """A question with what its answer must hold; without checks it must only not be empty."""

    model_config = ConfigDict(extra="forbid")

    message: Annotated[Text, Field(min_length=1)]
    system: Text | None = None
    checks: list[Check] = []


class Evaluation(BaseModel):
    """POST /evaluate: questions asked one after the other at temperature 0."""

    model_config = ConfigDict(extra="forbid")

    questions: Annotated[list[Question], Field(min_length=1, max_length=50)]
    max_tokens: Tokens | None = None
