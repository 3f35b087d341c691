"""The FHIR export against the resource definitions of HL7, as the library fhir.resources generates them from each release."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.observation import Observation as ObservationR5
from fhir.resources.R4B.observation import Observation as ObservationR4

ROOT = Path(__file__).resolve().parents[3]
PRINTER = ROOT / "dist/test/gateway/fhir/print-observation.js"
MODELS = {"r4": ObservationR4, "r5": ObservationR5}

# ISO/IEEE 11073-10101 as DICOM and HL7 list it: MDC_ECG_ELEC_POTL_*.
LEAD_CODES = {
    "MDC_ECG_ELEC_POTL_I": "131329", "MDC_ECG_ELEC_POTL_II": "131330", "MDC_ECG_ELEC_POTL_III": "131389",
    "MDC_ECG_ELEC_POTL_AVR": "131390", "MDC_ECG_ELEC_POTL_AVL": "131391", "MDC_ECG_ELEC_POTL_AVF": "131392",
    "MDC_ECG_ELEC_POTL_V1": "131331", "MDC_ECG_ELEC_POTL_V2": "131332", "MDC_ECG_ELEC_POTL_V3": "131333",
    "MDC_ECG_ELEC_POTL_V4": "131334", "MDC_ECG_ELEC_POTL_V5": "131335", "MDC_ECG_ELEC_POTL_V6": "131336",
}  # fmt: skip


def exported(release: str) -> dict[str, Any]:
    if not PRINTER.exists():
        pytest.skip("the TypeScript has not been built (make build)")
    printed = subprocess.run(["node", PRINTER, release], capture_output=True, text=True, check=True)
    resource: dict[str, Any] = json.loads(printed.stdout)
    return resource


@pytest.mark.parametrize("release", ["r4", "r5"])
def test_the_export_is_a_valid_observation_and_so_is_the_ecg_inside(release: str) -> None:
    resource = exported(release)
    model = MODELS[release]
    model.model_validate(resource)
    model.model_validate(resource["contained"][0])


@pytest.mark.parametrize("release", ["r4", "r5"])
def test_the_validator_would_object_to_the_other_release(release: str) -> None:
    ecg = exported("r5" if release == "r4" else "r4")["contained"][0]
    with pytest.raises(ValueError):
        MODELS[release].model_validate(ecg)


@pytest.mark.parametrize("release", ["r4", "r5"])
def test_the_ecg_is_sampled_data_in_millivolts_with_the_lead_codes_of_mdc(release: str) -> None:
    resource = exported(release)
    ecg = resource["contained"][0]
    codes = {c["code"]["coding"][0]["display"]: c["code"]["coding"][0]["code"] for c in ecg["component"]}
    assert codes == LEAD_CODES
    first = ecg["component"][0]["valueSampledData"]
    assert [float(v) * first["factor"] for v in first["data"].split()[:2]] == pytest.approx([-1.0, -0.993])
    assert len(first["data"].split()) == 1000
    rate = {"r4": {"period": 10}, "r5": {"interval": 10, "intervalUnit": "ms"}}[release]
    assert {key: first[key] for key in rate} == rate
    assert "valueSampledData" not in ecg["component"][-1], "V6 was off"
    assert ecg["component"][-1]["dataAbsentReason"]["coding"][0]["code"] == "not-performed"
    assert resource["valueCodeableConcept"]["coding"][0] == {"system": "http://snomed.info/sct", "code": "164889003"}
    assert resource["status"] == "preliminary"
