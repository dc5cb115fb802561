"""Pages and addresses that cloudgpu serves on this machine while a command runs."""
