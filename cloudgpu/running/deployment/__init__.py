"""The life of one instance: rented once, watched, taken down and proved gone.

bring_up(request, …) -> Deployment      spends money, or leaves nothing behind
refresh(deployment, …) -> Deployment    one look: adopts, observes, closes; spends and destroys nothing
take_down(deployment, …) -> Deployment  destroys, and proves it
read_bill(deployment, …)                the provider's own bill, as an event
"""

from cloudgpu.running.deployment.bill import read_bill
from cloudgpu.running.deployment.down import take_down
from cloudgpu.running.deployment.observe import refresh
from cloudgpu.running.deployment.planned import request_from_plan
from cloudgpu.running.deployment.request import Limits, OnProgress, Progress, Rental, UpRequest
from cloudgpu.running.deployment.spending import spent_usd
from cloudgpu.running.deployment.up import bring_up, end_spares, is_left_behind, refuse_taken
from cloudgpu.running.deployment.wait import Prober
from cloudgpu.running.records import Deployment, DeploymentState, Service

__all__ = [
    "Deployment", "DeploymentState", "Limits", "OnProgress", "Prober", "Progress", "Rental", "Service", "UpRequest",
    "bring_up", "end_spares", "is_left_behind", "read_bill", "refresh", "refuse_taken", "request_from_plan",
    "spent_usd", "take_down",
]  # fmt: skip
