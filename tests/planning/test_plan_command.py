"""`cloudgpu plan` and `cloudgpu offers` as a user meets them."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cloudgpu.base.clock import ManualClock
from cloudgpu.base.errors import BadFileError, NothingFitsError, RefusedKeyError, UnreachableError, UsageError
from cloudgpu.cli import offers as offers_command
from cloudgpu.cli import plan as plan_command
from cloudgpu.cli.session import Session
from cloudgpu.planning.market import reference_market
from cloudgpu.planning.plan_file import latest_plan_path, load_plan
from cloudgpu.sizing.engines import engine_profile

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("VAST_API_KEY", "RUNPOD_API_KEY", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def run(home):
    """Runs a command line and gives its stdout; what it raises is raised."""
    app = typer.Typer()
    plan_command.register(app)
    offers_command.register(app)

    def go(*arguments):
        done = CliRunner().invoke(app, list(arguments))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            error = done.exception
            error.stdout = done.stdout
            raise error
        return done.stdout

    return go


@pytest.fixture
def latest(home):
    return latest_plan_path(home / ".local" / "state" / "cloudgpu")


class Live:
    """A provider that answers with these offers, or with this error."""

    def __init__(self, market=None, error=None):
        self.market, self.error, self.queries = market, error, []

    def search(self, query):
        self.queries.append(query)
        if self.error:
            raise self.error
        return self.market


@pytest.fixture
def live(monkeypatch, now):
    """Puts a provider in place of the real one and a key in the environment."""

    def put(provider):
        monkeypatch.setenv("VAST_API_KEY", "k")
        monkeypatch.setattr(Session, "provider", lambda self, name: provider)
        monkeypatch.setattr(Session, "clock", lambda self, name: ManualClock(now))
        return provider

    return put


def test_without_keys_the_reference_prices_make_a_plan_that_is_kept(run, latest):
    shown = run("plan", "qwen-14b")
    assert "Cheapest fit" in shown
    assert "typical prices of that day, not offers that can be rented" in shown
    assert load_plan(latest).needs.model.model_id == "Qwen/Qwen2.5-14B-Instruct"


def test_no_line_is_wider_than_the_terminal(run):
    assert max(map(len, run("plan", "qwen-14b").splitlines())) <= 80


def test_the_memory_by_component_adds_up_to_the_card(run):
    lines = run("plan", "qwen-14b").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Memory of each card"))
    sizes = [float(line[25:31]) for line in lines[start + 2 : start + 10]]
    assert sum(sizes[:-1]) == pytest.approx(sizes[-1], abs=0.05)


def test_json_is_the_plan_with_money_as_text(run, latest):
    document = json.loads(run("plan", "qwen-14b", "--json"))
    assert document["schema_version"] == 1
    assert document == json.loads(latest.read_text(encoding="utf-8"))
    first = document["candidates"][0]
    assert all(isinstance(amount, str) for amount in (*first["usd_per_hour"].values(), first["usd_total"]))


def test_out_saves_the_same_plan_in_a_file(run, home, latest):
    run("plan", "qwen-14b", "--out", str(home / "my.json"))
    assert load_plan(home / "my.json") == load_plan(latest)


def test_when_nothing_fits_the_refusals_are_shown_and_no_plan_is_kept(run, latest):
    with pytest.raises(NothingFitsError) as caught:
        run("plan", "qwen-14b", "--max-price", "0.01")
    assert "above the price cap" in caught.value.stdout
    assert "nearest miss" in caught.value.hint
    assert "--max-price" in caught.value.hint
    assert not latest.exists()


def test_the_nearest_miss_of_too_slow_a_market_is_an_offer_that_was_timed(run):
    with pytest.raises(NothingFitsError) as caught:
        run("plan", "qwen3-32b-awq", "--min-tokens-per-s", "100000")
    assert "--min-tokens-per-s" in caught.value.hint
    assert "--context" not in caught.value.hint


def test_a_pick_that_is_split_over_pcie_says_what_that_risks_and_what_needs_no_split(run):
    split = " ".join(run("plan", "qwen-14b", "--gpu", "RTX 3090").split())
    assert "talk over PCIe" in split
    assert "(--gpus 1)" not in split
    assert "(--gpus 1)" in " ".join(run("plan", "qwen-14b").split())
    assert "talk over PCIe" not in run("plan", "qwen-14b", "--gpus", "1")


def test_when_only_a_quantised_form_fits_the_hint_says_how_to_ask_for_it(run):
    with pytest.raises(NothingFitsError) as caught:
        run("plan", "qwen-14b", "--gpu", "RTX 4090", "--gpus", "1", "--max-price", "0.36", "--provider", "vast")
    assert "--quantization" in caught.value.hint
    assert "It fits quantised" in caught.value.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--max-price", text] for text in ("cheap", "0", "inf", "nan", "1e30", "")),
        *(["--hours", text] for text in ("-2", "NaN", "inf", "1e30", "1e-30", "87601", "")),
        *(["--min-tokens-per-s", text] for text in ("nan", "inf")),
        ["--min-reliability", "nan"],
        ["--gpus", "65"],
        ["--disk", "100001"],
        ["--prompt-tokens", "99999999999"],
        ["--provider", "aws"],
    ],
    ids=" ".join,
)
def test_a_value_that_makes_no_sense_is_a_usage_error(run, arguments):
    with pytest.raises(UsageError) as caught:
        run("plan", "qwen-14b", *arguments)
    assert arguments[0] in caught.value.message + caught.value.hint or arguments[0] == "--provider"


@pytest.mark.parametrize("option", ["--gpu", "--adapter", "--region", "--engine-version", "--quantization"])
def test_an_option_that_is_given_empty_is_not_taken_for_left_out(run, option):
    with pytest.raises(UsageError, match=f"{option} is empty"):
        run("plan", "qwen-14b", option, "")


@pytest.mark.parametrize(("typed", "served"), [("nf4", "bitsandbytes"), ("int4", "gptq"), ("bf16", None)])
def test_a_format_may_be_typed_under_any_of_its_names(run, typed, served):
    assert json.loads(run("plan", "qwen-14b", "--quantization", typed, "--json"))["serving"]["quantization"] == served


@pytest.mark.parametrize(("typed", "engine"), [("vllm", "vllm"), ("sglang", "sglang"), ("llamacpp", "llama.cpp")])
def test_a_plan_names_the_release_of_its_own_engine(run, typed, engine):
    serving = json.loads(run("plan", "mistral", "--engine", typed, "--json"))["serving"]
    assert (serving["engine"], serving["engine_version"]) == (engine, engine_profile(engine).version)


def test_a_quantised_checkpoint_is_not_planned_as_16_bit(run):
    with pytest.raises(UsageError, match="already quantised"):
        run("plan", "qwen3-32b-awq", "--quantization", "bf16")


def test_a_disk_that_runs_full_on_every_machine_is_refused_with_the_number_that_would_do(run):
    with pytest.raises(UsageError, match="a disk of 8 GB is too small") as caught:
        run("plan", "qwen-14b", "--disk", "8")
    enough = caught.value.hint.split("--disk ")[1].split()[0]
    assert json.loads(run("plan", "qwen-14b", "--disk", enough, "--json"))["serving"]["disk_gb"] == int(enough)
    with pytest.raises(UsageError, match="too small"):
        run("plan", "qwen-14b", "--disk", str(int(enough) - 1))


def test_a_least_reliability_that_a_market_cannot_answer_is_said(run):
    said = "--min-reliability was not applied to its offers"
    assert said in " ".join(run("plan", "qwen-14b", "--provider", "runpod", "--min-reliability", "0.99").split())
    assert said not in " ".join(run("plan", "qwen-14b", "--provider", "runpod").split())


def test_a_release_whose_rules_nobody_knows_is_planned_with_a_word_on_what_is_assumed(run):
    shown = run("plan", "qwen-14b", "--engine-version", "99.0")
    assert "the rules of vllm 99.0 are not known" in " ".join(shown.split())
    assert "are not known" not in run("plan", "qwen-14b")


def test_one_offer_that_fits_is_one_offer(run, live, market, offer):
    live(Live(market(offer())))
    assert "1 offer fits; the best by" in run("plan", "qwen-14b")


def test_a_count_beyond_measure_is_refused_under_the_name_that_was_typed(run):
    with pytest.raises(UsageError, match=r"^--concurrency must be a whole number"):
        run("plan", "qwen-14b", "--concurrency", "99999999999")
    with pytest.raises(UsageError, match=r"^--context must be a whole number"):
        run("plan", "qwen-14b", "--context", "99999999999")


def test_a_rank_of_no_adapter_is_refused(run):
    with pytest.raises(UsageError, match="--adapter-rank was given, but no adapter"):
        run("plan", "qwen-14b", "--adapter-rank", "8")


def test_no_price_is_promised_to_pass_where_the_memory_is_too_small_as_well(run, live, market, offer):
    live(Live(market(offer(gpu_usd_per_hour=Decimal("0.30")))))
    with pytest.raises(NothingFitsError) as caught:
        run("plan", "llama-3.1-405b", "--max-price", "0.001")
    assert "is above the cap of" in caught.value.hint
    assert "GiB" in caught.value.hint
    assert "would pass" not in caught.value.hint


def test_a_cap_below_every_live_offer_is_counted_and_the_hint_names_what_would_pass(run, live, market, offer):
    provider = live(Live(market(offer(gpu_usd_per_hour=Decimal("0.30")))))
    with pytest.raises(NothingFitsError) as caught:
        run("plan", "qwen-14b", "--max-price", "0.001")
    assert "above the price cap (1)" in caught.value.message
    assert "above the cap of $0.001000/h; --max-price 0.32 would pass" in caught.value.hint
    assert all(query.max_usd_per_hour is None for query in provider.queries)


@pytest.mark.parametrize(
    ("options", "named"), [(["--gpu", "H100"], "--gpu"), (["--disk", "900"], "--disk"), ([], "--offers")]
)
def test_the_hint_for_an_empty_market_fits_what_was_asked(run, live, market, options, named):
    live(Live(market()))
    with pytest.raises(NothingFitsError, match="there is no offer for") as caught:
        run("plan", "qwen-14b", *options)
    assert named in caught.value.hint


def test_offers_of_a_file_make_a_plan_that_says_so(run):
    document = json.loads(run("plan", "qwen-14b", "--offers", str(FIXTURES / "vast_raw_offers.json"), "--json"))
    assert document["offers"]["source"] == "file"
    assert sum(document["offers"]["unreadable"].values()) == 7
    slices = sum(len(each["other_slices"]) for each in document["candidates"])
    assert len(document["candidates"]) + slices + len(document["rejections"]) == document["offers"]["count"] == 7


def test_a_file_that_is_no_json_is_a_bad_file(run):
    with pytest.raises(BadFileError):
        run("plan", "qwen-14b", "--offers", __file__)


def test_a_key_makes_the_plan_live(run, live, market, offer):
    provider = live(Live(market(offer())))
    document = json.loads(run("plan", "qwen-14b", "--json"))
    assert document["offers"]["source"] == "live"
    assert [each["offer_id"] for each in document["candidates"]] == ["1"]
    assert all(query.min_total_memory_mib > 8000 for query in provider.queries)


def test_a_lighter_form_is_searched_for_as_well_so_that_savings_are_seen(run, live, market, offer):
    provider = live(Live(market(offer())))
    run("plan", "qwen-14b")
    floors = [query.min_total_memory_mib for query in provider.queries]
    assert len(floors) == 2
    assert floors[1] < floors[0] / 2


def test_the_same_offer_in_two_answers_counts_once(run, live, market, offer):
    live(Live(market(offer())))
    assert json.loads(run("plan", "qwen-14b", "--json"))["offers"]["count"] == 1


def test_a_failed_second_search_costs_the_savings_and_not_the_plan(run, live, market, offer):
    provider = live(Live(market(offer())))

    def search(query, answer=provider.search):
        if len(provider.queries) == 1:
            raise UnreachableError("too much was asked")
        return answer(query)

    provider.search = search
    document = json.loads(run("plan", "qwen-14b", "--json"))
    assert len(document["candidates"]) == 1
    assert any("too much was asked" in note for note in document["offers"]["notes"])


def test_a_plan_on_runpods_list_prices_says_how_to_rent_there(run):
    shown = run("plan", "qwen-14b", "--provider", "runpod")
    assert "cloudgpu up --provider emulator-runpod" in shown
    assert "cloudgpu up --provider runpod" in shown


def test_a_provider_that_fails_hides_no_other_one(run, live, monkeypatch):
    dead = live(Live(error=UnreachableError("vast does not answer")))
    providers = {"vast": dead, "runpod": Live(reference_market(("runpod",)))}
    monkeypatch.setattr(Session, "provider", lambda self, name: providers[name])
    monkeypatch.setenv("RUNPOD_API_KEY", "k")
    document = json.loads(run("plan", "qwen-14b", "--json"))
    assert {each["provider"] for each in document["candidates"]} == {"runpod"}
    assert any("vast does not answer" in note for note in document["offers"]["notes"])
    assert not document["offers"]["complete"]


@pytest.mark.parametrize("error", [UnreachableError("vast does not answer"), RefusedKeyError("no such key")])
def test_when_the_only_provider_fails_its_error_is_the_answer(run, live, error):
    live(Live(error=error))
    with pytest.raises(type(error)):
        run("plan", "qwen-14b")


def test_a_provider_without_a_key_is_planned_on_its_reference_prices(run):
    shown = run("plan", "qwen-14b", "--provider", "vast")
    assert "No key for vast" in shown
    assert "runpod" not in shown.split("offers fit")[1].split("refused")[0]


def test_offers_lists_the_cheapest_first_and_filters(run):
    document = json.loads(run("offers", "--gpu", "h100 sxm", "--gpus", "2", "--json"))
    assert {(each["gpu"], each["gpu_count"]) for each in document["offers"]} == {("H100 SXM", 2)}
    prices = [float(each["gpu_usd_per_hour"]) for each in document["offers"]]
    assert prices == sorted(prices)


def test_offers_can_be_made_into_reference_figures(run, home):
    rows = run("offers", "--offers", str(FIXTURES / "runpod_graphql.json"), "--aggregate").splitlines()
    (home / "mine.jsonl").write_text("\n".join(rows), encoding="utf-8")
    again = json.loads(run("offers", "--offers", str(home / "mine.jsonl"), "--json"))
    assert {each["gpu"] for each in again["offers"]} == {"RTX 4090"}


def test_speed_stands_in_its_columns_where_there_is_room_and_always_in_the_pick(run, monkeypatch):
    narrow = run("plan", "qwen-14b")
    monkeypatch.setenv("COLUMNS", "160")
    wide = run("plan", "qwen-14b")
    assert "tok/s" not in narrow
    assert "$/M out" in wide
    for shown in (narrow, wide):
        assert "tokens/s ±" in shown
        assert "a million output tokens if always busy" in shown


def test_ranked_by_cost_per_token_the_table_says_so(run):
    shown = run("plan", "qwen-14b", "--objective", "cost-per-token", "--concurrency", "16")
    assert "by cost of a token" in shown
    assert "Cheapest token" in shown


def test_a_least_speed_that_nothing_reaches_names_itself_in_the_refusals(run):
    with pytest.raises(NothingFitsError) as caught:
        run("plan", "qwen-14b", "--min-tokens-per-s", "100000")
    assert "too slow" in caught.value.stdout


def test_an_objective_that_does_not_exist_is_a_usage_error(run):
    with pytest.raises(UsageError, match="there is no objective 'fun'"):
        run("plan", "qwen-14b", "--objective", "fun")
