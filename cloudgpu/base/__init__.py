"""Ground floor: units, exact money, time, errors, events, settings. Imports nothing of cloudgpu but itself."""
