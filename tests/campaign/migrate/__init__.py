"""The fault campaign over `migrate`: `python -m tests.campaign.migrate --seed 1 --runs 1000 --jobs 2`."""
