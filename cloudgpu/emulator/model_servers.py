"""Keeps the world's serving instances and the open ports of this process the same."""

import asyncio

from cloudgpu.base.clock import ScaledClock
from cloudgpu.emulator.engine.fit import fit
from cloudgpu.emulator.faults.fault import Fault
from cloudgpu.emulator.instances.instance import Instance, Stage, id_of, step_at
from cloudgpu.emulator.instances.rental import card
from cloudgpu.emulator.loopback.loop_server import LoopServer
from cloudgpu.emulator.loopback.ports import PortKeeper
from cloudgpu.emulator.model_server.app import ModelServerSpec, model_app
from cloudgpu.emulator.model_server.pace import pace_of_card
from cloudgpu.emulator.received import Recorded, Recorder
from cloudgpu.emulator.world.world import World


class ModelServers:
    """One listening server for each instance whose engine serves; deaf, held ports for the others."""

    def __init__(self, world: World, ports: PortKeeper, recorder: Recorder) -> None:
        self._recorder = recorder
        self._world = world
        self._ports = ports
        self._running: dict[int, tuple[int, LoopServer]] = {}
        self._ending: list[LoopServer] = []

    def keep_ports(self) -> None:
        """Hold the ports of instances from an earlier life of this process; note those that had to change."""
        for instance in self._world.instances():
            for inside, outside in instance.ports.items():
                held = self._ports.keep(outside)
                if held != outside:
                    self._world.move_port(self._world.instance(instance.instance_id) or instance, inside, held)

    async def reconcile(self) -> None:
        """Open and close ports until they match the world at this moment."""
        serving = {i.instance_id: i for i in self._world.instances() if self._serves(i)}
        for instance_id in [each for each in self._running if each not in serving]:
            self._close(instance_id)
        for instance_id in [each for each in serving if each not in self._running]:
            await self._open(serving[instance_id])

    def close(self) -> None:
        """Close every port, at once."""
        for instance_id in tuple(self._running):
            self._close(instance_id)
        self._ports.close()

    async def ended(self) -> None:
        """Wait until nothing is left of the servers whose ports are closed."""
        await asyncio.gather(*(server.ended() for server in self._ending))

    def _serves(self, instance: Instance) -> bool:
        command = instance.command
        listens = command is not None and command.port in instance.ports
        return listens and step_at(instance, self._world.now()).stage is Stage.SERVING

    async def _open(self, instance: Instance) -> None:
        assert instance.command is not None
        port = instance.ports[instance.command.port]
        app = Recorded(model_app(self._spec(instance)), self._recorder, "engine")
        server = LoopServer(app, self._ports.take(port))
        self._running[instance.instance_id] = (port, server)
        await server.begin()

    def _close(self, instance_id: int) -> None:
        port, server = self._running.pop(instance_id)
        server.end()
        self._ending = [each for each in self._ending if each.is_up()] + [server]
        if self._world.instance(instance_id) is not None:
            self._ports.keep(port)

    def _spec(self, instance: Instance) -> ModelServerSpec:
        command = instance.command
        assert command is not None
        gpus = card(self._world.machine(instance), len(instance.gpu_indexes))
        clock = self._world.clock
        return ModelServerSpec(
            model=command.model,
            names=command.served_names,
            adapters=command.lora_modules,
            api_keys=command.api_keys,
            version=command.version or "0.0.0",
            max_model_len=fit(command, gpus).max_model_len,
            pace=pace_of_card(instance.decode_tokens_per_s, 1 / clock.speed if isinstance(clock, ScaledClock) else 0.0),
            created_s=int(self._world.now().timestamp()),
            trouble=lambda place: self._trouble(instance.instance_id, place),
            died=lambda: self._died(instance.instance_id),
        )

    def _trouble(self, instance_id: int, place: str) -> Fault | None:
        instance = self._world.instance(instance_id)
        return None if instance is None else self._world.faults.take_engine(place, instance)

    def _died(self, instance_id: int) -> None:
        """The engine crashed while it answered: its container ends, and nothing listens any more."""
        self._world.faults.add(Fault(on="instance", do="engine_dies", instance_id=self._id(instance_id)))
        if instance_id in self._running:
            self._close(instance_id)

    def _id(self, instance_id: int) -> str | None:
        instance = self._world.instance(instance_id)
        return None if instance is None else str(id_of(instance))
