"""Either provider's answers as shapes on record (values invented): what no emulator should have to make up."""

import json
from typing import ClassVar

import responses

from cloudgpu.running.providers.runpod import open_runpod
from cloudgpu.running.providers.vast import open_vast

URL = "https://provider.example"


def vast_row(number, **more):
    return {
        "id": number, "label": f"token-{number}", "machine_id": 9, "actual_status": "running",
        "intended_status": "running", "status_msg": "", "public_ipaddr": "203.0.113.7", "dph_base": 0.3,
        "ports": {"8000/tcp": [{"HostPort": "41234"}]}, "dph_total": 0.31, "storage_total_cost": 0.01,
        "start_date": 1772366400.25, **more,
    }  # fmt: skip


def pod_row(number, **more):
    return {
        "id": str(number), "name": f"token-{number}", "status": "RUNNING", "disk": 72, "cost": 0.31,
        "ports": ["8000/tcp"], "runtime": {"ports": [{"private": 8000, "public": 41234, "ip": "203.0.113.7"}]},
        "mounts": {}, "createdAt": "2026-03-01T12:00:00Z", **more,
    }  # fmt: skip


class Vast:
    """Vast.ai's answers."""

    name, open, row = "vast", staticmethod(open_vast), staticmethod(vast_row)
    list = f"{URL}/api/v1/instances/"
    stopped, unknown = {"actual_status": "exited", "intended_status": "stopped"}, {"actual_status": "dreaming"}
    absent: ClassVar = {"json": {"instances": None}}
    bill = f"{URL}/api/v0/charges/"
    charges: ClassVar = {
        "results": [
            {
                "source": "instance-77", "start": 1772366400, "end": 1772370000, "amount": 0.31,
                "items": [{"type": "gpu", "amount": 0.3}, {"type": "disk", "amount": 0.01}],
            }
        ]
    }  # fmt: skip
    user: ClassVar = {"id": 12, "credit": 7.25}

    @staticmethod
    def one(number):
        return f"{URL}/api/v0/instances/{number}/"

    @staticmethod
    def page(rows, more, total=3):
        body = {"success": True, "instances": rows, "total_instances": total, "next_token": "t" if more else None}
        return {"body": json.dumps(body)}

    @staticmethod
    def shown(row):
        return {"body": json.dumps({"instances": row})}

    @classmethod
    def add_account(cls, server):
        server.get(f"{URL}/api/v0/users/current/", json=cls.user)


class Runpod:
    """RunPod's answers."""

    name, open, row = "runpod", staticmethod(open_runpod), staticmethod(pod_row)
    list = f"{URL}/v2/pods"
    stopped, unknown = {"status": "EXITED", "cost": 0.0}, {"status": "DREAMING"}
    absent: ClassVar = {"status": 404, "json": {"title": "Not Found", "detail": "not found"}}
    bill = f"{URL}/v2/billing/pods"
    charges: ClassVar = {
        "records": [
            {
                "podId": "77", "startTime": "2026-03-01T12:00:00Z", "endTime": "2026-03-01T13:00:00Z",
                "totalAmount": 0.31, "gpuAmount": 0.3, "diskAmount": 0.01,
            }
        ]
    }  # fmt: skip

    @staticmethod
    def one(number):
        return f"{URL}/v2/pods/{number}"

    @staticmethod
    def page(rows, more, total=3):
        marks = {"hasNextPage": more, "nextCursor": "t" if more else None}
        return {"body": json.dumps({"pods": rows, "pagination": marks})}

    @staticmethod
    def shown(row):
        return {"body": json.dumps(row)}

    @classmethod
    def add_account(cls, server):
        server.add(responses.POST, f"{URL}/graphql",
                   json={"data": {"myself": {"id": "user_1", "clientBalance": 7.25}}})  # fmt: skip


RECORDED = {"vast": Vast, "runpod": Runpod}
