"""`cloudgpu compare`: two live endpoints side by side, or two benches that were saved."""

from pathlib import Path
from typing import Annotated

import typer

from cloudgpu.cli.bench import Goodput, Iterations, MaxTokens, PerUser, Timeout, Turns, Users
from cloudgpu.cli.out_file import Force, check_place


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("compare")(compare)


def compare(
    old: Annotated[str | None, typer.Argument(metavar="A", help="A deployment, an address, or a saved bench.")] = None,
    new: Annotated[str | None, typer.Argument(metavar="B", help="What is held against it.")] = None,
    golden: Annotated[
        str | None, typer.Option(metavar="FILE", help="Golden prompts (promptfoo's YAML); none: ask none.")
    ] = None,
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Run the python assertions of the golden file on this machine.")
    ] = False,
    gates: Annotated[
        str, typer.Option(metavar="FILE", help="How much worse B may be: default, larger-model, or a file.")
    ] = "default",
    api_key_env: Annotated[str | None, typer.Option(metavar="NAME", help="The variable with the key of A.")] = None,
    api_key_env_b: Annotated[
        str | None, typer.Option(metavar="NAME", help="The variable with the key of B; two addresses share A's.")
    ] = None,
    usd_per_hour: Annotated[
        str | None, typer.Option(metavar="USD", help="What A costs an hour, if an address.")
    ] = None,
    usd_per_hour_b: Annotated[str | None, typer.Option(metavar="USD", help="What B costs an hour.")] = None,
    users: Users = "1,10,20",
    iterations: Iterations = 3,
    turns: Turns = 3,
    per_user: PerUser = 2,
    max_tokens: MaxTokens = None,
    timeout: Timeout = 120,
    goodput: Goodput = None,
    judge: Annotated[
        str | None, typer.Option(metavar="NAME|URL", help="A judge model: a deployment or an address.")
    ] = None,
    judge_model: Annotated[str | None, typer.Option(metavar="ID", help="The judge's model id.")] = None,
    judge_key_env: Annotated[str | None, typer.Option(metavar="NAME", help="The variable with its key.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the side-by-side page as one file.")] = None,
    force: Force = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page as Markdown.")] = False,
    check: Annotated[bool, typer.Option("--check", help="End with status 1 unless every gate passes.")] = False,
    show_gates: Annotated[
        bool, typer.Option("--show-gates", help="Print the gates file with every key explained.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Verdict, figures and answers as JSON.")] = False,
) -> None:
    """Bench A and B in turns, ask both the same golden prompts, and say whether B may stand in for A.

    Nothing is rented, moved or changed. Two files that `bench --save` made are compared without asking anybody.
    """
    # Everything below is imported only when the command runs: `--help` stays fast.
    from cloudgpu.cli.compare.run import Wish, run

    check_place(html, force=force)
    wish = Wish(
        old=old, new=new, golden=golden, allow_code=allow_code, gates=gates, key_envs=(api_key_env, api_key_env_b),
        prices=(usd_per_hour, usd_per_hour_b), users=users, iterations=iterations, turns=turns, per_user=per_user,
        max_tokens=max_tokens, timeout_s=timeout, goodput=goodput, judge=judge, judge_model=judge_model,
        judge_key_env=judge_key_env, html=html, markdown=markdown, check=check, show_gates=show_gates, as_json=as_json,
    )  # fmt: skip
    run(wish)
