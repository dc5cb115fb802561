"""`python -m cloudgpu` is `cloudgpu`."""

from cloudgpu.cli.main import main

if __name__ == "__main__":
    main()
