"""Gives each test a gateway of every kind that is installed, before two engines."""

import sys
from pathlib import Path

import pytest

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.moving.gateway.desk import open_gateway
from cloudgpu.moving.gateway.route import GatewayKind

sys.path.insert(0, str(Path(__file__).parent))

from gateway_stand import Engines, Stand


@pytest.fixture(scope="module")
def engines():
    engines = Engines()
    try:
        yield engines
    finally:
        engines.close()


@pytest.fixture(params=list(GatewayKind))
def stand(request, tmp_path, engines):
    try:
        open_gateway(request.param, tmp_path).check()
    except CloudgpuError as error:
        pytest.skip(f"{request.param}: {error.message}")
    stand = Stand(request.param, tmp_path, engines)
    try:
        engines.start()
        yield stand
    finally:
        stand.close()
