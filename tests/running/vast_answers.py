"""Answers of the shapes that Vast.ai sends (values invented), and where it sends them from."""

URL = "https://vast.example"
KEY = "k3y-that-nobody-may-see"
SHOW = f"{URL}/api/v0/instances/77/"
LIST = f"{URL}/api/v1/instances/"
DESTROY = SHOW
CREATE = f"{URL}/api/v0/asks/5001/"
SEARCH = f"{URL}/api/v0/bundles/"


def row(number=77, **more):
    return {
        "id": number, "label": "cloudgpu-x", "machine_id": 9001, "actual_status": "running",
        "intended_status": "running", "cur_state": "running", "status_msg": "success, running vllm/vllm-openai",
        "public_ipaddr": "203.0.113.7 \n",
        "ports": {"8000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "41234"}, {"HostIp": "::", "HostPort": "41234"}]},
        "dph_base": 0.2866666667, "dph_total": 0.2966666667, "storage_total_cost": 0.01, "start_date": 1772366400.25,
        **more,
    }  # fmt: skip


def page(rows, total=None, token=None):
    return {
        "success": True, "instances": rows, "instances_found": len(rows or ()),
        "total_instances": len(rows) if total is None else total, "label_counts": {}, "next_token": token,
    }  # fmt: skip


def offer_row(number=5001, **more):
    return {
        "id": number, "ask_contract_id": number, "machine_id": 9001, "gpu_name": "RTX 4090", "num_gpus": 1,
        "gpu_ram": 24564, "gpu_total_ram": 24564, "dph_base": 0.3, "dph_total": 0.31, "storage_cost": 0.18,
        "storage_total_cost": 0.01, "inet_down_cost": 0.004, "inet_up_cost": 0.004, "inet_down": 900.5, "inet_up": 800,
        "disk_space": 400.0, "cpu_ram": 64000, "reliability2": 0.99, "reliability": 0.99, "verification": "verified",
        "geolocation": "Norway, NO", "direct_port_count": 20, "duration": 2600000.0, "cuda_max_good": 13.0,
        "compute_cap": 890, "rentable": True, "rented": False, "is_bid": False, **more,
    }  # fmt: skip
