"""Runs a command beside the little of a Kubernetes API that `lookup` in a template asks for: one namespace with one Secret.

cluster.py SCRATCH NAMESPACE SECRET PASSWORD COMMAND…   exits as the command does
"""

import base64
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path


# The kinds of the chart by their groups: Helm looks up each of them.
KINDS = {
    "v1": ["Secret", "ConfigMap", "Service", "ServiceAccount", "Pod"],
    "apps/v1": ["Deployment", "StatefulSet"],
    "autoscaling/v2": ["HorizontalPodAutoscaler"],
    "networking.k8s.io/v1": ["Ingress", "NetworkPolicy"],
    "policy/v1": ["PodDisruptionBudget"],
}


def plural(kind):
    word = kind.lower()
    return word[:-1] + "ies" if word.endswith("y") else word + ("es" if word.endswith("s") else "s")


def answers(namespace, secret, password):
    data = {"password": base64.b64encode(password.encode()).decode()}
    # It is of the release, so an upgrade may take it over.
    metadata = {
        "name": secret, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "belay", "meta.helm.sh/release-namespace": namespace},
    }
    groups = []
    pages = {}
    for version, kinds in KINDS.items():
        resources = [{"name": plural(kind), "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": ["get", "list"]}
                     for kind in kinds]
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        pages[path] = {"kind": "APIResourceList", "groupVersion": version, "resources": resources}
        if "/" in version:
            group, _, number = version.partition("/")
            one = {"groupVersion": version, "version": number}
            groups.append({"name": group, "versions": [one], "preferredVersion": one})
    return pages | {
        "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
        f"/api/v1/namespaces/{namespace}/secrets/{secret}": {
            "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data},
    }


def main(scratch, namespace, secret, password, *command):
    known = answers(namespace, secret, password)
    missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}

    class Api(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # The name is the library's.
            path = self.path.partition("?")[0]
            body = json.dumps(known.get(path, missing)).encode()
            self.send_response(200 if path in known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "nobody"}}],
        "users": [{"name": "nobody", "user": {}}],
    }
    file = Path(scratch) / "kubeconfig"
    file.write_text(json.dumps(config))
    return subprocess.run(command, env=os.environ | {"KUBECONFIG": str(file)}).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
