"""A plan on live offers, made into a request to bring it up."""

import hashlib
import json

from cloudgpu.base.secret import Secret
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.plan import Plan
from cloudgpu.running.deployment.request import Limits, UpRequest, rental_of
from cloudgpu.running.label import check_name
from cloudgpu.serving.asked import PLAIN, Asked
from cloudgpu.serving.dead_man import with_dead_man
from cloudgpu.serving.launch import LaunchRequest
from cloudgpu.serving.launching import launch_of


def request_from_plan(
    plan: Plan, *, name: str, service: str, api_key: Secret, limits: Limits, hf_token: Secret | None = None,
    asked: Asked = PLAIN,
) -> UpRequest:  # fmt: skip
    """What `bring_up` may rent for this plan: its candidates in their order. `api_key` is the endpoint's own.

    `hf_token` is sent to the rented machine when it is given. Raises UsageError for a name that cannot be one,
    and where the limits want a timer in an image that takes none.
    """
    check_name(name)
    check_name(service)
    return UpRequest(
        name=name,
        service=service,
        model=plan.needs.model.model_id,
        short_name=plan.needs.model.short_name,
        plan_id=plan.plan_id,
        rentals=tuple(
            rental_of(
                candidate.offer,
                _timed(
                    launch_of(plan, candidate, service=service, api_key=api_key, hf_token=hf_token, asked=asked), limits
                ),
            )
            for candidate in plan.candidates
        ),
        api_key=api_key,
        limits=limits,
        wish=_wish(plan.needs, asked, limits.dead_man_s),
    )


def _timed(launch: LaunchRequest, limits: Limits) -> LaunchRequest:
    return launch if limits.dead_man_s is None else with_dead_man(launch, limits.dead_man_s)


def _wish(needs: Needs, asked: Asked, dead_man_s: float | None) -> str:
    """What of the needs decides what may run and on which cards; price, place and hours may be asked for anew."""
    wanted = [needs.model.model_id, repr(needs.options), needs.gpu, needs.gpu_count, needs.adapter]
    if asked != PLAIN:
        wanted.append(repr(asked))
    if dead_man_s is not None:
        wanted.append(f"dead man {dead_man_s}")
    return hashlib.sha256(json.dumps(wanted).encode()).hexdigest()[:16]
