"""MQTT.js over every transport, with MQTT 3.1.1 and 5.0.

`npm ci --prefix tests/clients` installs it; without node or that, these tests
are skipped."""

import json
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
SCENARIOS = ("qos", "large", "retained", "will", "resume", "takeover")
SCHEMES = {"tcp": "mqtt://localhost:{}", "tls": "mqtts://localhost:{}",
           "ws": "ws://localhost:{}/mqtt", "wss": "wss://localhost:{}/mqtt"}

pytestmark = [
    pytest.mark.skipif(not shutil.which("node"), reason="node is not installed"),
    pytest.mark.skipif(not (HERE / "node_modules/mqtt").exists(),
                       reason="MQTT.js is missing: npm ci --prefix tests/clients"),
]


@pytest.mark.parametrize("version,scenario", [
    pytest.param(version, scenario, id=f"v{version}-{scenario}")
    for version in (4, 5) for scenario in SCENARIOS + (("properties",) if version == 5 else ())])
@pytest.mark.parametrize("kind", SCHEMES)
def test_mqttjs(broker, kind, version, scenario):
    order = {"scenario": scenario, "version": version, "prefix": f"js/{kind}/{version}/{scenario}",
             "url": SCHEMES[kind].format(broker["ports"][kind])}
    if kind in ("tls", "wss"):
        order["ca"] = broker["ca"]
    done = subprocess.run(["node", HERE / "mqttjs/run.mjs", json.dumps(order)], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
