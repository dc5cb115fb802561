"""The cards of command lines in shell files."""

from cloudgpu.serving.lint.check import lint


def rules(text):
    return {each.rule for each in lint(text, "run.sh", variables={}).findings}


def test_the_cards_that_a_command_line_leaves_visible_are_counted():
    line = "vllm serve Qwen/Qwen3-8B --tensor-parallel-size 4"
    assert "V26" in rules(f"CUDA_VISIBLE_DEVICES=0,1 {line}")
    assert "V26" in rules(f"docker run -e CUDA_VISIBLE_DEVICES=0,1 vllm/vllm-openai:v0.25.1 {line[11:]}")
    assert "V26" not in rules(f"CUDA_VISIBLE_DEVICES=0,1,2,3 {line}")
    assert "V26" not in rules(f"CUDA_VISIBLE_DEVICES=$CARDS {line}")


def test_commands_of_a_script_that_name_one_card_may_be_alternatives():
    line = "CUDA_VISIBLE_DEVICES=0 vllm serve Qwen/Qwen3-8B"
    assert "V27" not in rules(f"{line} --port 8000\n{line} --port 8001\n")
