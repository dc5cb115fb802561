# ruff: noqa: N815 - the names are RunPod's
"""RunPod's answers as its contract has them: what must stand in each, and of which kind.

Source: the schemas of runpod/docs, api-reference-v2/openapi.json (2026-08), and the fields that later clients read
(entrypoint, cmd, pagination). Fields that the contract does not name are allowed, as they are there.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Level = Literal["NONE", "LOW", "MEDIUM", "HIGH"]


class Model(BaseModel):
    """JSON in strict mode: a number is a number, null only where it is allowed."""

    model_config = ConfigDict(strict=True, extra="allow")


class PersistentMount(Model):
    size: int = Field(ge=10)
    path: str


class NetworkMount(Model):
    volumeId: str
    path: str


class Mounts(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    persistent: PersistentMount | None = None
    network: list[NetworkMount] = Field(default_factory=list, max_length=1)


class Gpu(Model):
    id: str
    count: int = Field(ge=1)


class Port(Model):
    private: int
    public: int | None
    type: str
    ip: str | None


class Utilisation(Model):
    util: int


class Runtime(Model):
    uptime: int
    gpus: list[Utilisation]
    cpu: Utilisation
    memory: Utilisation
    ports: list[Port]


class GlobalNetworking(Model):
    enabled: bool


class Pod(Model):
    id: str
    name: str
    status: Literal["PROVISIONING", "STARTING", "RUNNING", "EXITED", "ERROR", "TERMINATED"]
    actions: list[Literal["start", "stop", "restart", "terminate"]]
    image: str
    args: str
    entrypoint: list[str]
    cmd: list[str]
    disk: int = Field(ge=1)
    mounts: Mounts
    ports: list[str]
    env: dict[str, str]
    registry: str | None
    gpu: Gpu
    cloud: Literal["SECURE", "COMMUNITY"]
    dataCenterId: str | None
    template: str | None
    cost: float
    locked: bool
    globalNetworking: GlobalNetworking
    runtime: Runtime | None
    createdAt: datetime
    startedAt: datetime | None


class Pagination(Model):
    hasNextPage: bool
    nextCursor: str | None


class Pods(Model):
    pods: list[Pod]
    pagination: Pagination


class Prices(Model):
    secure: float
    community: float


class Counts(Model):
    secure: int
    community: int


class CentreStock(Model):
    id: str
    name: str
    availability: Level


class GpuType(Model):
    id: str
    name: str
    pool: str | None
    manufacturer: Literal["NVIDIA", "AMD", "UNKNOWN"]
    memory: int
    secure: bool
    community: bool
    price: Prices
    maxCount: Counts
    availability: Level | None = None
    dataCenters: list[CentreStock] | None = None


class GpuTypes(Model):
    gpus: list[GpuType]


class Centre(Model):
    id: str
    name: str
    region: Literal["NORTH_AMERICA", "SOUTH_AMERICA", "EUROPE", "ASIA", "MIDDLE_EAST", "AFRICA", "OCEANIA", "UNKNOWN"]
    networkVolumeTypes: list[Literal["STANDARD", "HIGH_PERFORMANCE"]]
    compliance: list[str]
    globalNetwork: bool
    gpuAvailability: list[CentreStock]


class Centres(Model):
    dataCenters: list[Centre]


class Amounts(Model):
    totalAmount: float
    gpuAmount: float
    cpuAmount: float
    diskAmount: float


class BillRecord(Amounts):
    startTime: datetime
    endTime: datetime
    podId: str


class BillQuery(Model):
    startTime: datetime
    endTime: datetime
    bucketSize: Literal["hour", "day", "week", "month", "year"]


class BillMetadata(Model):
    query: BillQuery
    recordCount: int
    uniquePodCount: int
    totals: Amounts


class PodBill(Model):
    records: list[BillRecord]
    metadata: BillMetadata


class Registry(BaseModel):
    """Its user name and password are never given back."""

    model_config = ConfigDict(strict=True, extra="forbid")

    id: str
    name: str


class Template(Model):
    id: str
    name: str
    image: str
    args: str
    disk: int
    mounts: Mounts
    ports: list[str]
    env: dict[str, str]
    registry: str | None
    serverless: bool
    public: bool
    category: Literal["CPU", "NVIDIA", "AMD"]


class NetworkVolume(Model):
    id: str
    name: str
    size: int = Field(ge=10, le=4096)
    dataCenter: str
    type: Literal["STANDARD", "HIGH_PERFORMANCE"]


class Problem(Model):
    title: str
    status: int
    detail: str
