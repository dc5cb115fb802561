"""`cloudgpu bench` and `cloudgpu compare` as they are typed, against endpoints that behave and that do not."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from known_server import KEY, KnownServer

pytestmark = pytest.mark.slow
QUICK = ("--users", "1,4", "--iterations", "1", "--turns", "1", "--per-user", "3")
GAPS_S = {"fast": 0.004, "slow": 0.25}
"""So far apart that what a busy machine adds to both leaves no doubt. With three questions a user, what the machine
does at one moment meets a third of a turn at most, and no median."""


class Shell:
    """A user's shell with a home of its own and the endpoint's key in a variable."""

    def __init__(self, home):
        self.home = home
        self.environment = {"HOME": str(home), "PATH": os.environ["PATH"], "COLUMNS": "140", "ENDPOINT_KEY": KEY}

    def start(self, *arguments, columns=140):
        return subprocess.Popen(
            [sys.executable, "-m", "cloudgpu", *map(str, arguments)], env=self.environment | {"COLUMNS": str(columns)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def run(self, *arguments, columns=140):
        process = self.start(*arguments, columns=columns)
        out, err = process.communicate(timeout=300)
        assert "Traceback" not in err
        assert KEY not in out + err
        return process.returncode, out, err


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path)


def address(server: KnownServer) -> str:
    return f"http://127.0.0.1:{server.port}/v1"


def test_bench_shows_a_line_for_each_load_and_the_dollars(shell):
    with KnownServer(tokens=8, gap_s=0.001) as server:
        status, out, err = shell.run(
            "bench", address(server), "--api-key-env", "ENDPOINT_KEY", *QUICK, "--usd-per-hour", "0.34",
            "--goodput", "ttft:5000,e2el:20000", columns=80,
        )  # fmt: skip
    assert status == 0, err
    assert all(words in out for words in ("one by one", "1 user", "4 users", "TTFT p50", "tokens/s", "good/s"))
    assert max(map(len, out.splitlines())) <= 80


def test_bench_json_has_a_level_for_each_load_in_vllms_words(shell):
    with KnownServer() as server:
        status, out, _ = shell.run("bench", address(server), "--api-key-env", "ENDPOINT_KEY", *QUICK, "--json")
    answer = json.loads(out)
    assert (status, answer["schema_version"], answer["model_id"], answer["ended"]) == (0, 1, "m", None)
    assert [level["max_concurrency"] for level in answer["levels"]] == [1, 1, 4]
    assert [level["completed"] for level in answer["levels"]] == [4, 3, 12]


def test_bench_markdown_is_one_table(shell):
    with KnownServer() as server:
        _, out, _ = shell.run("bench", address(server), "--api-key-env", "ENDPOINT_KEY", *QUICK, "--markdown")
    rows = [line for line in out.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 3
    assert len({row.count("|") for row in rows}) == 1


def test_two_saved_benches_are_compared_without_asking_anybody(shell, tmp_path):
    for name, gap_s in GAPS_S.items():
        with KnownServer(tokens=3, gap_s=gap_s) as server:
            shell.run("bench", address(server), "--api-key-env", "ENDPOINT_KEY", "--users", "5", "--iterations", "0",
                      "--save", tmp_path / f"{name}.json")  # fmt: skip
    status, out, err = shell.run("compare", tmp_path / "fast.json", tmp_path / "slow.json", "--json")
    assert status == 0, err
    found = {row["name"]: row for row in json.loads(out)["contrasts"]}
    assert found["TPOT median"]["meaning"].endswith("slower")
    assert "slower" in shell.run("compare", tmp_path / "fast.json", tmp_path / "slow.json", columns=80)[1]


@pytest.mark.parametrize(
    ("mood", "status", "said"),
    [("500", 5, "status 500 it is"), ("404", 2, "does not serve 'm'"), ("never streams", 0, "never streams")],
)
def test_what_is_wrong_with_an_endpoint_is_told_clearly(shell, mood, status, said):
    with KnownServer(mood=mood) as server:
        ended, out, err = shell.run("bench", address(server), "--api-key-env", "ENDPOINT_KEY", *QUICK)
    assert ended == status
    assert said in out + err


def test_a_wrong_key_ends_with_status_4(shell):
    shell.environment["ENDPOINT_KEY"] = "wrong"
    with KnownServer() as server:
        status, _, err = shell.run("bench", address(server), "--model", "m", "--api-key-env", "ENDPOINT_KEY", *QUICK)
    assert status == 4
    assert "refuses the key" in err


def test_nobody_there_ends_with_status_5(shell):
    with KnownServer() as server:
        gone = address(server)
    assert shell.run("bench", gone, *QUICK)[0] == 5


def test_an_endpoint_that_dies_in_the_middle_leaves_its_figures_and_status_1(shell):
    with KnownServer(fail_after=8) as server:
        status, out, err = shell.run("bench", address(server), "--api-key-env", "ENDPOINT_KEY", *QUICK)
    assert status == 1
    assert "one by one" in out
    assert "left alone after 6 failures in a row" in (out + err).lower()


def test_ctrl_c_shows_what_was_measured_and_ends_with_status_1(shell):
    with KnownServer(ttft_s=0.05) as server:
        process = shell.start(
            "bench", address(server), "--api-key-env", "ENDPOINT_KEY", "--iterations", "100", "--json"
        )
        while len(server.asked) < 12:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    answer = json.loads(out)
    assert process.returncode == 1
    assert "stopped by Ctrl-C" in answer["ended"]
    assert answer["levels"][0]["completed"] >= 8
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--users", "many"), "no list of users"),
        (("--users", "0"), "1 to 200"),
        (("--users", "900"), "1 to 200"),
        (("--goodput", "speed:3"), "no service level"),
        (("--usd-per-hour", "-1"), "--usd-per-hour"),
        (("--form", "soap"), "no form"),
        (("--users", "", "--iterations", "0"), "nothing to ask"),
    ],
)
def test_wrong_words_are_refused_before_anybody_is_asked(shell, arguments, said):
    with KnownServer() as server:
        status, _, err = shell.run("bench", address(server), "--model", "m", *arguments)
        assert not server.asked
    assert status == 2
    assert said in err


def test_a_name_that_nothing_bears_is_refused(shell):
    status, _, err = shell.run("bench", "nothing")
    assert status == 2
    assert "nothing is rented" in err


def test_compare_judges_two_endpoints_and_writes_the_page(shell, tmp_path):
    golden = tmp_path / "golden.yaml"
    golden.write_text(
        "tests:\n"
        + "".join(f"  - {{vars: {{question: q{n}}}, assert: [{{type: contains, value: word}}]}}\n" for n in range(12))
    )
    options = ("--api-key-env", "ENDPOINT_KEY", "--golden", golden, "--users", "6", "--iterations", "1", "--turns", "3",
               "--per-user", "3", "--html", tmp_path / "page.html", "--json", "--check")  # fmt: skip
    with KnownServer(tokens=3, gap_s=GAPS_S["fast"]) as old, KnownServer(tokens=3, gap_s=GAPS_S["slow"]) as new:
        status, out, err = shell.run("compare", address(old), address(new), *options)
    verdict = json.loads(out)["verdict"]
    assert verdict["outcome"] == "fail", err
    assert status == 1
    [tpot] = [check for check in verdict["checks"] if check["name"] == "TPOT"]
    assert tpot["outcome"] == "fail", tpot
    assert verdict["gates"]["quality"] == "pass"
    page = (tmp_path / "page.html").read_text()
    assert "TPOT is" in page
    assert "http" not in page.replace(f"127.0.0.1:{old.port}", "").replace("http-equiv", "")


def test_compare_refuses_a_golden_file_before_anybody_is_asked(shell, tmp_path):
    (tmp_path / "g.yaml").write_text("tests:\n  - vars: {question: hi}\n    assert: [{type: similar, value: x}]\n")
    with KnownServer() as server:
        status, _, err = shell.run("compare", address(server), address(server), "--golden", tmp_path / "g.yaml")
        assert not server.asked
    assert status == 2
    assert "line 3: unknown assertion 'similar'" in err


def test_compare_prints_the_gates_with_every_key_explained(shell):
    status, out, _ = shell.run("compare", "--show-gates")
    assert status == 0
    assert "max_ratio: 1.2" in out
