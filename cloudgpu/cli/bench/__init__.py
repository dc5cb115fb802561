"""`cloudgpu bench`: how fast an endpoint answers, one by one and under load."""

from pathlib import Path
from typing import Annotated

import typer

from cloudgpu.cli.out_file import Force, check_place

Model = Annotated[str | None, typer.Option(metavar="ID", help="The model to ask for; default: what it serves.")]
ApiForm = Annotated[
    str | None, typer.Option("--form", metavar="FORM", help="chat, completions, or app (a LoRA application's /chat).")
]
KeyEnv = Annotated[str | None, typer.Option(metavar="NAME", help="The environment variable that holds its key.")]
Users = Annotated[str, typer.Option(metavar="LIST", help="Users at once, level by level.")]
Iterations = Annotated[int, typer.Option(min=0, max=100, help="How often each question is asked one by one first.")]
Turns = Annotated[int, typer.Option(min=1, max=100, help="How often each level of users is repeated.")]
PerUser = Annotated[int, typer.Option(min=1, max=100, help="Questions that a user asks in a turn.")]
MaxTokens = Annotated[
    int | None, typer.Option(min=1, max=32768, help="Longest answer; default: 64 to 192, by the question.")
]
Timeout = Annotated[float, typer.Option(min=1, max=3600, metavar="S", help="Most seconds for one answer.")]
Goodput = Annotated[
    str | None, typer.Option(metavar="LIST", help="Service levels in ms, like ttft:500,tpot:50,e2el:8000.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("bench")(bench)


def bench(
    target: Annotated[str, typer.Argument(metavar="NAME|URL", help="A deployment, or the address of an endpoint.")],
    model: Model = None,
    form: ApiForm = None,
    api_key_env: KeyEnv = None,
    users: Users = "1,10,20",
    iterations: Iterations = 3,
    turns: Turns = 3,
    per_user: PerUser = 2,
    max_tokens: MaxTokens = None,
    timeout: Timeout = 120,
    goodput: Goodput = None,
    usd_per_hour: Annotated[
        str | None, typer.Option(metavar="USD", help="What an address costs an hour; a deployment's is known.")
    ] = None,
    count_pieces: Annotated[
        bool, typer.Option("--count-pieces", help="Take each piece for a token where the server counts none.")
    ] = False,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep every sample, to compare: cloudgpu compare FILE FILE.")
    ] = None,
    force: Force = False,
    detailed: Annotated[
        bool, typer.Option("--detailed", help="With --json: every request too, in vLLM's lists.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The result as Markdown.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with the key names of vllm bench serve.")] = False,
) -> None:
    """Ask four kinds of questions one by one, then by 1, 10 and 20 users at once, and time every token.

    Nothing is rented or changed; the endpoint is busy meanwhile. Times are real seconds; tokens are counted by the
    server. Ctrl-C ends it early and shows what there is.
    """
    # Everything below is imported only when the command runs: `--help` stays fast.
    from cloudgpu.cli.bench.run import Wish, run

    check_place(save, force=force)
    wish = Wish(
        target=target, model=model, form=form, api_key_env=api_key_env, users=users, iterations=iterations,
        turns=turns, per_user=per_user, max_tokens=max_tokens, timeout_s=timeout, goodput=goodput,
        usd_per_hour=usd_per_hour, count_pieces=count_pieces, save=save, detailed=detailed, markdown=markdown,
        as_json=as_json,
    )  # fmt: skip
    run(wish)
