"""Holds the rendered objects of one value set against what the chart promises.

objects.py CHART VALUES RENDERED CHANGED   tells every promise that is broken, one a line; exit 1 if there is one
objects.py --changed VALUES                prints the value `config` with one more line, as a value set of its own

CHANGED is the rendering with that other config.
"""

import json
import sys
from pathlib import Path

import yaml

# What the restricted profile lets a pod mount.
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
# The metadata server of GKE, which gives the tokens of a workload identity.
GKE_METADATA = [("169.254.169.254/32", 80), ("169.254.169.252/32", 988)]


def merged(below, above):
    """Values as Helm merges them: tables key by key, everything else as a whole."""
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: merged(below.get(key), value) for key, value in above.items()}
    return above


class Rendering:
    """The objects of one rendering."""

    def __init__(self, path):
        self.objects = [one for one in yaml.safe_load_all(Path(path).read_text()) if one]

    def of(self, kind):
        return [one for one in self.objects if one["kind"] == kind]

    def the(self, kind, component=None):
        """The one object of `kind`; where there are several, the one of `component`."""
        found = [
            one for one in self.of(kind)
            if component is None or one["metadata"]["labels"].get("app.kubernetes.io/component") == component
        ]
        return found[0] if found else None

    def pods(self):
        """Name, labels and spec of every pod there will be."""
        for one in self.objects:
            name = f"{one['kind']} {one['metadata']['name']}"
            if one["kind"] in ("Deployment", "StatefulSet"):
                template = one["spec"]["template"]
                yield name, template["metadata"]["labels"], template["spec"]
            elif one["kind"] == "Pod":
                yield name, one["metadata"]["labels"], one["spec"]


def variables(container):
    return {one["name"]: one.get("value") for one in container["env"]}


def matches(selector, labels):
    return all(labels.get(key) == value for key, value in selector.items())


def the_grace_period_is_both_drains_and_five_seconds(values, rendering):
    spec = rendering.the("Deployment")["spec"]["template"]["spec"]
    env = variables(spec["containers"][0])
    wanted = values["drainDelaySeconds"] + values["drainSeconds"] + 5
    if spec["terminationGracePeriodSeconds"] != wanted:
        yield f"it is {spec['terminationGracePeriodSeconds']} and should be {wanted}"
    told = (env["BELAY__SERVER__DRAIN_DELAY_S"], env["BELAY__SERVER__DRAIN_S"])
    if told != (str(values["drainDelaySeconds"]), str(values["drainSeconds"])):
        yield f"the gateway is told {told}"


def shared_replicas_is_the_most_that_there_can_be_and_the_surge(values, rendering):
    spec = rendering.the("Deployment")["spec"]
    scaler = rendering.the("HorizontalPodAutoscaler")
    if bool(scaler) != values["autoscaling"]["enabled"] or bool(scaler) == ("replicas" in spec):
        yield "the autoscaler and the Deployment both count replicas, or neither does"
        return
    most = scaler["spec"]["maxReplicas"] if scaler else spec["replicas"]
    wanted = most + spec["strategy"].get("rollingUpdate", {"maxSurge": 0})["maxSurge"]
    env = variables(spec["template"]["spec"]["containers"][0])
    if values["shared"]["redis"] or values["valkey"]["enabled"]:
        if env.get("BELAY__SHARED__REPLICAS") != str(wanted):
            yield f"it is {env.get('BELAY__SHARED__REPLICAS')} and should be {wanted}"
    elif {"BELAY__SHARED__REPLICAS", "BELAY__SHARED__REDIS"} & set(env):
        yield "there is no store, and the gateway is told of one"


def a_rollout_takes_no_replica_away_before_another_is_there_unless_one_file_is_theirs(values, rendering):
    spec = rendering.the("Deployment")["spec"]
    if values["usage"]["persistence"]["enabled"]:
        if spec["strategy"] != {"type": "Recreate"} or spec["replicas"] != 1:
            yield f"two pods would have one file: {spec['strategy']}, {spec['replicas']} replica(s)"
    elif spec["strategy"] != {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}:
        yield f"the strategy is {spec['strategy']}"
    if spec["minReadySeconds"] != values["drainDelaySeconds"]:
        yield "the next replica stops before the last one takes no more calls"


def what_was_used_is_written_to_a_volume_or_nowhere(values, rendering):
    spec = rendering.the("Deployment")["spec"]["template"]["spec"]
    env = variables(spec["containers"][0])
    if env["BELAY__USAGE__KEEP_DAYS"] != str(values["usage"]["keepDays"]):
        yield f"it is kept for {env['BELAY__USAGE__KEEP_DAYS']} days"
    persistence = values["usage"]["persistence"]
    file = env.get("BELAY__USAGE__FILE")
    claims = rendering.of("PersistentVolumeClaim")
    if bool(file) != persistence["enabled"]:
        yield f"the gateway writes to {file}"
        return
    if not persistence["enabled"]:
        if claims:
            yield "a claim is made, and nothing writes there"
        return
    names = {one["name"]: one["persistentVolumeClaim"]["claimName"] for one in spec["volumes"] if "persistentVolumeClaim" in one}
    mounts = [one for one in spec["containers"][0]["volumeMounts"] if file.startswith(one["mountPath"] + "/")]
    if not mounts or mounts[0].get("readOnly") or mounts[0]["name"] not in names:
        yield f"no volume that can be written is mounted above {file}"
        return
    claim = names[mounts[0]["name"]]
    made = [one for one in claims if one["metadata"]["name"] == claim]
    if persistence["existingClaim"]:
        if claim != persistence["existingClaim"] or made:
            yield f"it is on {claim}"
    elif not made or made[0]["metadata"]["annotations"]["helm.sh/resource-policy"] != "keep":
        yield f"the claim {claim} is not made, or goes with the release"
    else:
        asked = made[0]["spec"]
        wanted = {"accessModes": persistence["accessModes"], "resources": {"requests": {"storage": persistence["size"]}}}
        if persistence["storageClassName"]:
            wanted["storageClassName"] = persistence["storageClassName"]
        if asked != wanted:
            yield f"the claim {claim} asks for {asked}"
        if made[0]["metadata"]["annotations"] != persistence["annotations"] | {"helm.sh/resource-policy": "keep"}:
            yield f"the claim {claim} bears {made[0]['metadata']['annotations']}"
    if spec["securityContext"].get("fsGroup") != spec["securityContext"]["runAsUser"]:
        yield "who runs may not write there"


def a_node_can_be_drained_of_every_pod(values, rendering):
    scaler = rendering.the("HorizontalPodAutoscaler")
    least = scaler["spec"]["minReplicas"] if scaler else rendering.the("Deployment")["spec"]["replicas"]
    budgets = rendering.of("PodDisruptionBudget")
    if bool(budgets) != values["podDisruptionBudget"]["enabled"]:
        yield "the PodDisruptionBudget is missing, or is not wanted"

    def pods(number):
        """A number of pods, or a share of them; Kubernetes rounds it up."""
        text = str(number)
        return -(-int(text[:-1]) * least // 100) if text.endswith("%") else int(text)

    for budget in budgets:
        spec = budget["spec"]
        go = pods(spec["maxUnavailable"]) if "maxUnavailable" in spec else least - pods(spec["minAvailable"])
        if go < 1:
            yield f"none of {least} pods may go"


def every_pod_keeps_to_the_restricted_profile(values, rendering):
    for name, labels, spec in rendering.pods():
        pod = spec.get("securityContext", {})
        if pod.get("runAsNonRoot") is not True or pod.get("runAsUser") != 65532 or pod.get("runAsGroup") != 65532:
            yield f"{name} does not run as 65532"
        if pod.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{name} has no seccomp profile"
        if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{name} shares the host"
        asked = labels["app.kubernetes.io/component"] == "gateway" and values["serviceAccount"]["automountToken"]
        if spec.get("automountServiceAccountToken") is not asked:
            yield f"{name} mounts a token of the Kubernetes API"
        for volume in spec.get("volumes", []):
            if not set(volume) - {"name"} <= VOLUMES:
                yield f"{name} mounts {volume}"
        for container in spec["containers"] + spec.get("initContainers", []):
            context = container.get("securityContext", {})
            wanted = {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
            }
            if context != wanted:
                yield f"the container {container['name']} of {name} has {context}"
            if not container.get("resources", {}).get("limits", {}).get("memory"):
                yield f"the container {container['name']} of {name} has no limit of memory"


def the_admin_port_is_in_no_public_service_ingress_or_route(values, rendering):
    inside = set()
    for service in rendering.of("Service"):
        doors = {port["targetPort"] for port in service["spec"]["ports"]}
        if doors & {"admin", 9090}:
            inside.add(service["metadata"]["name"])
            if service["spec"]["type"] != "ClusterIP" or doors - {"admin", 9090}:
                yield f"the Service {service['metadata']['name']} shows the admin port beside others or outside"
    if len(inside) != 1:
        yield f"the admin port is in the Services {sorted(inside)}"
    public = {(one["metadata"]["name"], port["name"], port["port"])
              for one in rendering.of("Service") for port in one["spec"]["ports"] if port["targetPort"] == "public"}
    led = set()
    for ingress in rendering.of("Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                led.add((path["backend"]["service"]["name"], path["backend"]["service"]["port"].get("name")))
    for route in rendering.of("HTTPRoute"):
        for rule in route["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                led.add((backend["name"], backend["port"]))
    for name, port in led:
        if not any(name == service and port in (word, number) for service, word, number in public):
            yield f"an Ingress or HTTPRoute leads to {name}, port {port}"
    if bool(led) != (values["ingress"]["enabled"] or values["httpRoute"]["enabled"]):
        yield "an Ingress or HTTPRoute is missing, or is not wanted"


def the_network_policy_lets_in_and_out_what_the_values_say_alone(values, rendering):
    policy = values["networkPolicy"]
    found = [one for one in rendering.of("NetworkPolicy")
             if one["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"]
    if not policy["enabled"]:
        if found:
            yield "there is one, and none is wanted"
        return
    spec = found[0]["spec"]
    if spec["policyTypes"] != ["Ingress", "Egress"]:
        yield f"it is for {spec['policyTypes']}"
    own = {"podSelector": {"matchLabels": {
        key: spec["podSelector"]["matchLabels"][key] for key in ("app.kubernetes.io/name", "app.kubernetes.io/instance")}}}

    def part(component):
        return {"podSelector": {"matchLabels": own["podSelector"]["matchLabels"] | {"app.kubernetes.io/component": component}}}

    for rule in spec["ingress"]:
        ports = [port["port"] for port in rule["ports"]]
        if ports == ["public"]:
            wanted = policy["public"]["from"]
            if rule.get("from", []) != (wanted and wanted + [part("test")]):
                yield "the public port is open to others than networkPolicy.public.from"
        elif ports != ["admin"] or not rule.get("from") or rule["from"] != policy["admin"]["from"]:
            yield f"{ports} is open to {rule.get('from', 'everybody')}"

    egress = policy["egress"]

    def out(peers, ports, protocols=("TCP",)):
        return {"ports": [{"port": port, "protocol": protocol} for port in ports for protocol in protocols], "to": peers}

    wanted = [
        out(egress["dns"]["to"], egress["dns"]["ports"], ("UDP", "TCP")),
        out([{"ipBlock": one} for one in egress["providers"]], [443]),
    ]
    if values["valkey"]["enabled"]:
        wanted.append(out([part("valkey")], [6379]))
    elif values["shared"]["redis"]:
        wanted.append(out(egress["redis"]["to"], egress["redis"]["ports"]))
    if values["telemetry"]["otlp"]:
        wanted.append(out(egress["otlp"]["to"], egress["otlp"]["ports"]))
    if values["workloadIdentity"]["gke"]["serviceAccount"]:
        wanted += [out([{"ipBlock": {"cidr": cidr}}], [port]) for cidr, port in GKE_METADATA]
    wanted += egress["extra"]
    for rule in spec["egress"]:
        if rule not in wanted:
            yield f"what goes out by {rule} is not of DNS, the store, the collector, the providers or extra"
    for rule in wanted:
        if rule not in spec["egress"] and rule.get("to"):
            yield f"{rule} is missing"
    for block in egress["providers"]:
        if block["cidr"] == "0.0.0.0/0" and not {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} <= set(block["except"]):
            yield "private networks pass for providers"


def the_store_is_reached_by_the_gateway_alone_and_reaches_nothing(values, rendering):
    if not values["valkey"]["enabled"]:
        return
    policy = rendering.the("NetworkPolicy", "valkey")["spec"]
    sources = [rule["from"] for rule in policy["ingress"]]
    if sources != [[{"podSelector": {"matchLabels": rendering.the("Deployment")["spec"]["selector"]["matchLabels"]}}]]:
        yield f"it is reached from {sources}"
    if policy["egress"] or policy["policyTypes"] != ["Ingress", "Egress"]:
        yield "it reaches others"
    if "maxmemory-policy noeviction" not in rendering.the("ConfigMap", "valkey")["data"]["valkey.conf"]:
        yield "it throws away what it should keep"


def every_selector_finds_the_pods_that_it_means_and_no_other(values, rendering):
    pods = [(labels["app.kubernetes.io/component"], labels) for _, labels, _ in rendering.pods()]
    gateway = {"gateway"}
    selectors = []
    for one in rendering.objects:
        name = f"{one['kind']} {one['metadata']['name']}"
        component = one["metadata"]["labels"].get("app.kubernetes.io/component")
        meant = {"valkey"} if component == "valkey" else gateway
        spec = one.get("spec", {})
        if one["kind"] == "Service":
            selectors.append((name, spec["selector"], meant))
        elif one["kind"] in ("Deployment", "StatefulSet", "PodDisruptionBudget"):
            selectors.append((name, spec["selector"]["matchLabels"], meant))
        elif one["kind"] == "NetworkPolicy":
            selectors.append((name, spec["podSelector"]["matchLabels"], meant))
        if one["kind"] == "Deployment":
            constraints = spec["template"]["spec"]["topologySpreadConstraints"]
            keys = {constraint["topologyKey"] for constraint in constraints}
            if keys != {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}:
                yield f"{name} spreads over {keys}"
            selectors += [(f"the spread of {name}", constraint["labelSelector"]["matchLabels"], meant) for constraint in constraints]
    for name, selector, meant in selectors:
        found = {component for component, labels in pods if matches(selector, labels)}
        if found != meant:
            yield f"{name} finds {sorted(found)} and means {sorted(meant)}"
    for monitor in rendering.of("ServiceMonitor"):
        found = [one for one in rendering.of("Service") if matches(monitor["spec"]["selector"]["matchLabels"], one["metadata"]["labels"])]
        ports = [port["name"] for one in found for port in one["spec"]["ports"]]
        if ports != ["admin"] or monitor["spec"]["endpoints"][0]["port"] != "admin":
            yield f"the ServiceMonitor finds the ports {ports}"
    scaler = rendering.the("HorizontalPodAutoscaler")
    if scaler and scaler["spec"]["scaleTargetRef"]["name"] != rendering.the("Deployment")["metadata"]["name"]:
        yield "the autoscaler scales another Deployment"


def every_secret_of_the_values_is_there_and_only_read(values, rendering):
    spec = rendering.the("Deployment")["spec"]["template"]["spec"]
    container = spec["containers"][0]
    mounts = {one["name"]: one for one in container["volumeMounts"]}
    from_secrets = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"] if "valueFrom" in one}
    for one in values["secretEnv"]:
        if from_secrets.get(one["name"]) != {"name": one["secret"], "key": one["key"]}:
            yield f"the variable {one['name']} is not of {one['secret']}, {one['key']}"
    for one in values["secretFiles"]:
        found = [volume for volume in spec["volumes"] if volume.get("secret", {}).get("secretName") == one["secret"]
                 and mounts[volume["name"]]["mountPath"] == one["mountPath"]]
        if not found:
            yield f"{one['secret']} is not mounted at {one['mountPath']}"
        elif found[0]["secret"].get("items", []) != one.get("items", []):
            yield f"other keys of {one['secret']} are mounted"
        elif found[0]["secret"]["defaultMode"] != 0o440 or mounts[found[0]["name"]].get("readOnly") is not True:
            yield f"{one['secret']} can be written, or be read by everybody"
    for one in values["csi"]:
        found = [volume for volume in spec["volumes"]
                 if volume.get("csi", {}).get("volumeAttributes") == {"secretProviderClass": one["secretProviderClass"]}]
        if not found or found[0]["csi"]["driver"] != "secrets-store.csi.k8s.io" or found[0]["csi"].get("readOnly") is not True:
            yield f"{one['secretProviderClass']} is no volume of the CSI driver"
        elif mounts[found[0]["name"]]["mountPath"] != one["mountPath"] or mounts[found[0]["name"]].get("readOnly") is not True:
            yield f"{one['secretProviderClass']} is not mounted at {one['mountPath']} to be read"
    for _, _, pod in rendering.pods():
        if [one["name"] for one in pod.get("imagePullSecrets", [])] != values["image"]["pullSecrets"]:
            yield "a pod lacks image.pullSecrets"
    if values["ingress"]["enabled"]:
        if rendering.the("Ingress")["spec"].get("tls", []) != values["ingress"]["tls"]:
            yield "ingress.tls is lost"
    if values["valkey"]["enabled"]:
        named = values["valkey"]["existingSecret"]
        wanted = {"name": named["name"], "key": named["key"]} if named["name"] else {
            "name": rendering.the("Secret")["metadata"]["name"], "key": "password"}
        store = rendering.the("StatefulSet")["spec"]["template"]["spec"]["containers"][0]
        theirs = [one["valueFrom"]["secretKeyRef"] for one in store["env"] if "valueFrom" in one]
        if from_secrets.get("VALKEY_PASSWORD") != wanted or theirs != [wanted]:
            yield "the gateway and Valkey take the password from different places"


def the_identity_of_the_cloud_is_on_the_account_and_the_pods(values, rendering):
    identity = values["workloadIdentity"]
    wanted = {
        "eks.amazonaws.com/role-arn": identity["aws"]["roleArn"],
        "iam.gke.io/gcp-service-account": identity["gke"]["serviceAccount"],
        "azure.workload.identity/client-id": identity["azure"]["clientId"],
    }
    account = rendering.the("ServiceAccount")
    annotations = account["metadata"].get("annotations", {})
    for key, value in wanted.items():
        if annotations.get(key, "") != value:
            yield f"{key} is {annotations.get(key)}"
    template = rendering.the("Deployment")["spec"]["template"]
    label = template["metadata"]["labels"].get("azure.workload.identity/use")
    if label != ("true" if identity["azure"]["clientId"] else None):
        yield f"azure.workload.identity/use is {label}"
    if template["spec"]["serviceAccountName"] != account["metadata"]["name"]:
        yield "the pods run as another account"


def probes_ask_the_admin_port(values, rendering):
    container = rendering.the("Deployment")["spec"]["template"]["spec"]["containers"][0]
    for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        if container.get(probe, {}).get("httpGet") != {"path": path, "port": "admin"}:
            yield f"{probe} asks {container.get(probe)}"
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    env = variables(container)
    told = {"public": env["BELAY__SERVER__BIND"], "admin": env["BELAY__SERVER__ADMIN_BIND"]}
    if {name: f"0.0.0.0:{port}" for name, port in ports.items()} != told:
        yield f"the ports are {ports}, and the gateway listens on {told}"


def the_test_asks_the_public_service_or_the_public_address(values, rendering):
    args = rendering.the("Pod")["spec"]["containers"][0]["args"]
    service = [one for one in rendering.of("Service") if one["spec"]["ports"][0]["targetPort"] == "public"][0]
    port = service["spec"]["ports"][0]
    inside = f"http://{service['metadata']['name']}:{port['port']}/healthz"
    outside = f"{values['publicUrl']}/healthz"
    wanted = values["test"]["url"] or (outside if port["appProtocol"] == "https" else inside)
    if args != ["health", "--url", wanted]:
        yield f"it asks {args}"


def a_changed_config_changes_the_pods(values, rendering, changed):
    def checksum(one):
        return one.the("Deployment")["spec"]["template"]["metadata"]["annotations"].get("checksum/config")

    if not checksum(rendering) or checksum(rendering) == checksum(changed):
        yield "checksum/config stays the same"


def alerts_and_dashboard_are_the_files_of_the_chart(values, rendering, chart):
    rule = rendering.the("PrometheusRule")
    if bool(rule) != values["prometheusRule"]["enabled"]:
        yield "the PrometheusRule is missing, or is not wanted"
    elif rule:
        wanted = [one for group in yaml.safe_load((chart / "rules/belay.yaml").read_text())["groups"] for one in group["rules"]
                  if one["alert"] not in values["prometheusRule"]["disable"]]
        found = [one for group in rule["spec"]["groups"] for one in group["rules"]]
        if [(one["alert"], one["expr"].strip()) for one in found] != [(one["alert"], one["expr"].strip()) for one in wanted]:
            yield "the PrometheusRule holds other alerts than rules/belay.yaml"
        for one in found:
            url = one["annotations"]["runbook_url"]
            if url != f"{values['prometheusRule']['runbookUrl']}#{one['alert'].lower()}":
                yield f"{one['alert']} points at {url}"
    boards = [one for one in rendering.of("ConfigMap") if "belay.json" in one["data"]]
    if bool(boards) != values["dashboard"]["enabled"]:
        yield "the dashboard is missing, or is not wanted"
    for board in boards:
        if json.loads(board["data"]["belay.json"]) != json.loads((chart / "dashboards/belay.json").read_text()):
            yield "the dashboard is another than dashboards/belay.json"
        if board["metadata"]["labels"].get("grafana_dashboard") != "1":
            yield "Grafana's sidecar does not see the dashboard"


PROMISES = [
    the_grace_period_is_both_drains_and_five_seconds,
    shared_replicas_is_the_most_that_there_can_be_and_the_surge,
    a_rollout_takes_no_replica_away_before_another_is_there_unless_one_file_is_theirs,
    what_was_used_is_written_to_a_volume_or_nowhere,
    a_node_can_be_drained_of_every_pod,
    every_pod_keeps_to_the_restricted_profile,
    the_admin_port_is_in_no_public_service_ingress_or_route,
    the_network_policy_lets_in_and_out_what_the_values_say_alone,
    the_store_is_reached_by_the_gateway_alone_and_reaches_nothing,
    every_selector_finds_the_pods_that_it_means_and_no_other,
    every_secret_of_the_values_is_there_and_only_read,
    the_identity_of_the_cloud_is_on_the_account_and_the_pods,
    probes_ask_the_admin_port,
    the_test_asks_the_public_service_or_the_public_address,
]


def main(arguments):
    if arguments[0] == "--changed":
        config = yaml.safe_load(Path(arguments[1]).read_text())["config"]
        print(json.dumps({"config": config + "\n# Changed.\n"}))
        return 0
    chart, given, rendered, changed = map(Path, arguments)
    values = merged(yaml.safe_load((chart / "values.yaml").read_text()), yaml.safe_load(given.read_text()))
    rendering = Rendering(rendered)
    broken = [(promise, told) for promise in PROMISES for told in promise(values, rendering)]
    broken += [(a_changed_config_changes_the_pods, told) for told in a_changed_config_changes_the_pods(values, rendering, Rendering(changed))]
    broken += [(alerts_and_dashboard_are_the_files_of_the_chart, told)
               for told in alerts_and_dashboard_are_the_files_of_the_chart(values, rendering, chart)]
    for promise, told in broken:
        print(f"{given.name}: broken: {promise.__name__.replace('_', ' ')}: {told}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
