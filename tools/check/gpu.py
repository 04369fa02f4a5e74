"""./check --gpu: the suites that compute on a GPU, on a real one."""

import json

import programs
from suite import Result, Suite, run_command

SUITES = ("gpu_test", "kernels_test", "backend_gpu_test", "engine_test")


def gpu_suites(folder, fast):
    """Those of SUITES, from the programs in `folder`, and tests/gpu; one that is missing fails."""
    suites = [Suite(name, lambda p=folder / name: programs.run_googletest(p, fast))
              for name in SUITES]
    return [*suites, programs.python_suite("gpu", folder / "weft")]


def adapter_suite(folder):
    return Suite("adapter", lambda: find_adapter(folder / "weft"))


def find_adapter(weft):
    """Passes where the tests would run on a real GPU: they take the adapter listed first."""
    outcome = run_command([weft, "devices", "--json"])
    if outcome.exit_code != 0:
        return Result(failed=1, output=outcome.output)
    first = json.loads(outcome.output)[0]
    if first["kind"] in ("software", "processor"):
        reason = (f"There is no real GPU: `weft devices` begins with '{first['name']}' "
                  f"({first['kind']}).\n")
        return Result(failed=1, output=reason)
    print(f"GPU: {first['name']}, {first['driver']}", flush=True)
    return Result(passed=1)
