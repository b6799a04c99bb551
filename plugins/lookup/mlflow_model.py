# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: mlflow_model
short_description: Find the version of a registered model that an alias stands for
version_added: 0.1.0
description:
  - Asks an MLflow server on the controller which version C(NAME@ALIAS) is now, and where it lies.
  - It reads, and changes nothing. See C(GET /api/2.0/mlflow/registered-models/alias) of MLflow's REST API.
options:
  _terms:
    description: Models, each as C(NAME@ALIAS). What follows the last C(@) is the alias.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - mlops.mlflow.rest.lookup
author:
  - The mlops.mlflow authors (@mlops)
"""

EXAMPLES = r"""
- name: Say what is in production
  ansible.builtin.debug:
    msg: "{{ model.uri }} lies in {{ model.artifact_uri }}"
  vars:
    model: "{{ lookup('mlops.mlflow.mlflow_model', 'demand@production', tracking_uri='https://mlflow.example.com', token=vault_mlflow_token) }}"
"""

RETURN = r"""
_raw:
  description:
    - One dictionary for each model, with C(name), C(alias), C(version), C(source), C(run_id), C(description), C(status), C(tags).
    - C(uri) is that of the version in the registry, C(models:/NAME/VERSION), which stays what it is when the alias is moved.
    - C(artifact_uri) is where the artifacts of the version lie.
  type: list
  elements: dict
  sample: [{name: demand, alias: production, version: "7", uri: models:/demand/7, artifact_uri: mlflow-artifacts:/2/models/m-7916/artifacts}]
"""

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.mlops.mlflow.plugins.module_utils import content
from ansible_collections.mlops.mlflow.plugins.module_utils.rest import ARGUMENTS, MlflowError, Server


def resolve(server, term):
    """The version that name@alias stands for, as a dictionary. Raises MlflowError."""
    name, separator, alias = term.rpartition("@")
    if not (name and separator and alias):
        raise MlflowError(f"{term!r} is not NAME@ALIAS")
    found = server.ask(f"asking for model {term}", "GET", "registered-models/alias", {"name": name, "alias": alias})["model_version"]
    version = {key: value for key, value in content.model_version(found).items() if key != "creation_timestamp"}
    place = server.ask(f"asking where model {term} lies", "GET", "model-versions/get-download-uri", {"name": name, "version": version["version"]})
    return {**version, "alias": alias, "uri": f"models:/{name}/{version['version']}", "artifact_uri": place["artifact_uri"]}


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        try:
            server = Server({name: self.get_option(name) for name in ARGUMENTS})
            return [resolve(server, str(term)) for term in terms]
        except MlflowError as problem:
            raise AnsibleError(f"lookup mlflow_model: {problem}") from problem
