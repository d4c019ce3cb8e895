"""Random Kubernetes objects as an API server writes them: protobuf by Google's own library from a
schema of its own, JSON, and YAML. Prints lists, watches and manifests as one JSON document.

    objects.py SEED COUNT
"""

import base64
import json
import random
import struct
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# message: [(number, name, type, flag)]. Flags: ? is left out when absent, = is written even when
# empty (a Go string that is no pointer), * is repeated, % is a map of texts.
SCHEMA = {
    "Time": [(1, "seconds", "int64", "?"), (2, "nanos", "int32", "?")],
    "FieldsV1": [(1, "Raw", "bytes", "?")],
    "ManagedFields": [
        (1, "manager", "string", "="), (2, "operation", "string", "="),
        (3, "apiVersion", "string", "="), (4, "time", "Time", "?"),
        (6, "fieldsType", "string", "="), (7, "fieldsV1", "FieldsV1", "?"),
        (8, "subresource", "string", "="),
    ],
    "OwnerReference": [
        (5, "apiVersion", "string", "="), (1, "kind", "string", "="), (3, "name", "string", "="),
        (4, "uid", "string", "="), (6, "controller", "bool", "?"),
    ],
    "ObjectMeta": [
        (1, "name", "string", "="), (2, "generateName", "string", "="),
        (3, "namespace", "string", "="), (4, "selfLink", "string", "="), (5, "uid", "string", "="),
        (6, "resourceVersion", "string", "="), (7, "generation", "int64", "?"),
        (8, "creationTimestamp", "Time", "?"), (9, "deletionTimestamp", "Time", "?"),
        (10, "deletionGracePeriodSeconds", "int64", "?"), (11, "labels", "string", "%"),
        (12, "annotations", "string", "%"), (13, "ownerReferences", "OwnerReference", "*"),
        (14, "finalizers", "string", "*"), (17, "managedFields", "ManagedFields", "*"),
    ],
    "ListMeta": [
        (1, "selfLink", "string", "="), (2, "resourceVersion", "string", "="),
        (3, "continue", "string", "="), (4, "remainingItemCount", "int64", "?"),
    ],
    "StatusCause": [
        (1, "reason", "string", "="), (2, "message", "string", "="), (3, "field", "string", "="),
    ],
    "StatusDetails": [
        (1, "name", "string", "="), (2, "group", "string", "="), (3, "kind", "string", "="),
        (4, "causes", "StatusCause", "*"), (5, "retryAfterSeconds", "int32", "?"),
        (6, "uid", "string", "="),
    ],
    "Status": [
        (1, "metadata", "ListMeta", "?"), (2, "status", "string", "="),
        (3, "message", "string", "="), (4, "reason", "string", "="),
        (5, "details", "StatusDetails", "?"), (6, "code", "int32", "?"),
    ],
    "RawExtension": [(1, "raw", "bytes", "?")],
    "WatchEvent": [(1, "type", "string", "="), (2, "object", "RawExtension", "?")],
    "TypeMeta": [(1, "apiVersion", "string", "="), (2, "kind", "string", "=")],
    "Unknown": [
        (1, "typeMeta", "TypeMeta", "?"), (2, "raw", "bytes", "?"),
        (3, "contentEncoding", "string", "="), (4, "contentType", "string", "="),
    ],
    "IntOrString": [(1, "type", "int64", "?"), (2, "intVal", "int32", "?"), (3, "strVal", "string", "=")],
    "ServicePort": [
        (1, "name", "string", "="), (2, "protocol", "string", "="), (3, "port", "int32", "?"),
        (4, "targetPort", "IntOrString", "?"), (5, "nodePort", "int32", "?"),
        (6, "appProtocol", "string", "?"),
    ],
    "ClientIPConfig": [(1, "timeoutSeconds", "int32", "?")],
    "SessionAffinityConfig": [(1, "clientIP", "ClientIPConfig", "?")],
    "ServiceSpec": [
        (1, "ports", "ServicePort", "*"), (2, "selector", "string", "%"),
        (3, "clusterIP", "string", "="), (4, "type", "string", "="),
        (5, "externalIPs", "string", "*"), (7, "sessionAffinity", "string", "="),
        (8, "loadBalancerIP", "string", "="), (9, "loadBalancerSourceRanges", "string", "*"),
        (10, "externalName", "string", "="), (11, "externalTrafficPolicy", "string", "="),
        (12, "healthCheckNodePort", "int32", "?"), (13, "publishNotReadyAddresses", "bool", "?"),
        (14, "sessionAffinityConfig", "SessionAffinityConfig", "?"),
        (17, "ipFamilyPolicy", "string", "?"), (18, "clusterIPs", "string", "*"),
        (19, "ipFamilies", "string", "*"), (20, "allocateLoadBalancerNodePorts", "bool", "?"),
        (21, "loadBalancerClass", "string", "?"), (22, "internalTrafficPolicy", "string", "?"),
        (23, "trafficDistribution", "string", "?"),
    ],
    "PortStatus": [(1, "port", "int32", "?"), (2, "protocol", "string", "=")],
    "LoadBalancerIngress": [
        (1, "ip", "string", "="), (2, "hostname", "string", "="), (3, "ipMode", "string", "?"),
        (4, "ports", "PortStatus", "*"),
    ],
    "LoadBalancerStatus": [(1, "ingress", "LoadBalancerIngress", "*")],
    "ServiceStatus": [(1, "loadBalancer", "LoadBalancerStatus", "?")],
    "Service": [
        (1, "metadata", "ObjectMeta", "?"), (2, "spec", "ServiceSpec", "?"),
        (3, "status", "ServiceStatus", "?"),
    ],
    "Taint": [
        (1, "key", "string", "="), (2, "value", "string", "="), (3, "effect", "string", "="),
    ],
    "NodeSpec": [
        (1, "podCIDR", "string", "="), (3, "providerID", "string", "="),
        (4, "unschedulable", "bool", "?"), (5, "taints", "Taint", "*"),
        (7, "podCIDRs", "string", "*"),
    ],
    "NodeAddress": [(1, "type", "string", "="), (2, "address", "string", "=")],
    "NodeStatus": [(3, "phase", "string", "="), (5, "addresses", "NodeAddress", "*")],
    "Node": [
        (1, "metadata", "ObjectMeta", "?"), (2, "spec", "NodeSpec", "?"),
        (3, "status", "NodeStatus", "?"),
    ],
    "EndpointConditions": [
        (1, "ready", "bool", "?"), (2, "serving", "bool", "?"), (3, "terminating", "bool", "?"),
    ],
    "ObjectReference": [
        (1, "kind", "string", "="), (2, "namespace", "string", "="), (3, "name", "string", "="),
        (4, "uid", "string", "="),
    ],
    "Hint": [(1, "name", "string", "=")],
    "EndpointHints": [(1, "forZones", "Hint", "*"), (2, "forNodes", "Hint", "*")],
    "Endpoint": [
        (1, "addresses", "string", "*"), (2, "conditions", "EndpointConditions", "?"),
        (3, "hostname", "string", "?"), (4, "targetRef", "ObjectReference", "?"),
        (5, "deprecatedTopology", "string", "%"), (6, "nodeName", "string", "?"),
        (7, "zone", "string", "?"), (8, "hints", "EndpointHints", "?"),
    ],
    "EndpointPort": [
        (1, "name", "string", "?"), (2, "protocol", "string", "?"), (3, "port", "int32", "?"),
        (4, "appProtocol", "string", "?"),
    ],
    "EndpointSlice": [
        (1, "metadata", "ObjectMeta", "?"), (2, "endpoints", "Endpoint", "*"),
        (3, "ports", "EndpointPort", "*"), (4, "addressType", "string", "="),
    ],
    "ServiceCIDRSpec": [(1, "cidrs", "string", "*")],
    "ServiceCIDR": [(1, "metadata", "ObjectMeta", "?"), (2, "spec", "ServiceCIDRSpec", "?")],
}
for kind in ("Service", "Node", "EndpointSlice", "ServiceCIDR"):
    SCHEMA[kind + "List"] = [(1, "metadata", "ListMeta", "?"), (2, "items", kind, "*")]

API_VERSIONS = {
    "Service": "v1", "Node": "v1", "EndpointSlice": "discovery.k8s.io/v1",
    "ServiceCIDR": "networking.k8s.io/v1",
}


def classes():
    """A class for each message of the schema."""
    field = descriptor_pb2.FieldDescriptorProto
    scalars = {
        "string": field.TYPE_STRING, "bytes": field.TYPE_BYTES, "bool": field.TYPE_BOOL,
        "int32": field.TYPE_INT32, "int64": field.TYPE_INT64,
    }
    file = descriptor_pb2.FileDescriptorProto(name="k8s.proto", package="k8s", syntax="proto2")
    for message, fields in SCHEMA.items():
        descriptor = file.message_type.add(name=message)
        for number, name, kind, flag in fields:
            entry = descriptor.field.add(name=name, number=number)
            entry.label = field.LABEL_REPEATED if flag in "*%" else field.LABEL_OPTIONAL
            if flag == "%":
                pair = descriptor.nested_type.add(name=name[0].upper() + name[1:] + "Entry")
                pair.options.map_entry = True
                for index, part in ((1, "key"), (2, "value")):
                    pair.field.add(
                        name=part, number=index, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL
                    )
                entry.type = field.TYPE_MESSAGE
                entry.type_name = f".k8s.{message}.{pair.name}"
            elif kind in scalars:
                entry.type = scalars[kind]
            else:
                entry.type = field.TYPE_MESSAGE
                entry.type_name = f".k8s.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    if hasattr(message_factory, "GetMessageClass"):
        make = message_factory.GetMessageClass
    else:
        make = message_factory.MessageFactory(pool).GetPrototype
    return {name: make(pool.FindMessageTypeByName("k8s." + name)) for name in SCHEMA}


CLASSES = classes()


def message(kind, value):
    """The protobuf message of a JSON object."""
    result = CLASSES[kind]()
    for _, name, type_name, flag in SCHEMA[kind]:
        given = value.get(name)
        if given is None:
            if flag == "=":
                setattr(result, name, "")
        elif flag == "%":
            getattr(result, name).update(given)
        elif type_name == "Time":
            getattr(result, name).seconds = 1_700_000_000
        elif type_name == "FieldsV1":
            getattr(result, name).Raw = json.dumps(given).encode()
        elif type_name == "IntOrString":
            target = getattr(result, name)
            target.type = int(isinstance(given, str))
            if isinstance(given, str):
                target.strVal = given
            else:
                target.intVal = given
        elif type_name in SCHEMA:
            if flag == "*":
                getattr(result, name).extend(message(type_name, each) for each in given)
            else:
                getattr(result, name).CopyFrom(message(type_name, given))
                getattr(result, name).SetInParent()
        elif flag == "*":
            getattr(result, name).extend(given)
        else:
            setattr(result, name, given)
    return result


def envelope(api_version, kind, value):
    """An object as the body of an answer."""
    unknown = CLASSES["Unknown"](raw=message(kind, value).SerializeToString())
    unknown.typeMeta.apiVersion = api_version
    unknown.typeMeta.kind = kind
    unknown.contentEncoding = ""
    unknown.contentType = ""
    return b"k8s\0" + unknown.SerializeToString()


def frame(event, api_version, kind, value):
    """One event of a watch."""
    watch_event = CLASSES["WatchEvent"](type=event)
    watch_event.object.raw = envelope(api_version, kind, value)
    body = watch_event.SerializeToString()
    return struct.pack(">I", len(body)) + body


class Objects:
    """Random objects, most of them usable."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.count = 0

    def some(self, *choices):
        return self.random.choice(choices)

    def maybe(self, chance, make):
        return make() if self.random.random() < chance else None

    def several(self, most, make):
        return [make() for _ in range(self.random.randint(0, most))]

    def pruned(self, value):
        return {key: each for key, each in value.items() if each is not None}

    def ipv4(self):
        text = ".".join(str(self.random.randint(0, 255)) for _ in range(4))
        zeros = "0" + text if self.random.random() < 0.2 else text
        return self.some(*[zeros] * 200, "10.0.0.256", " " + text + " ", "")

    def ipv6(self):
        groups = [f"{self.random.randint(0, 65535):x}" for _ in range(8)]
        return self.some(":".join(groups), "fd00::" + groups[0], "FD00:0:0::" + groups[1])

    def address(self):
        return self.some(self.ipv4, self.ipv4, self.ipv6)()

    def range(self):
        return self.some(
            *["10.0.0.0/8"] * 40, "fd00::/64", "0.0.0.0/0", " 192.0.2.0/24 ", "", "10.0.0.1/33"
        )

    def port(self):
        return self.some(*[self.random.randint(1, 65535)] * 150, 0, -1, 70000, None)

    def port_name(self):
        return self.some(*["http", "p-1", "", None] * 40, "Ä", "x" * 64)

    def protocol(self):
        return self.some(*["TCP", "UDP", "SCTP", "", None] * 40, "tcp", "ICMP")

    def managed(self):
        return {
            "manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
            "time": "2026-01-02T03:04:05Z", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:metadata": {"f:managedFields": {}, 'k:{"uid":"a\\"]}"}': {".": {}}}},
        }

    def metadata(self, labels, annotations, namespace=True):
        self.count += 1
        return self.pruned({
            "name": self.some(*[f"object-{self.count}"] * 60, f"Object_{self.count}"),
            "namespace": self.some("default", "shop") if namespace else None,
            "uid": f"0000-{self.count}",
            "resourceVersion": str(self.random.randint(1, 10**9)),
            "generation": self.some(None, -1, 3),
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "deletionTimestamp": self.maybe(0.1, lambda: "2026-01-02T03:04:05Z"),
            "labels": self.pruned({"app": "äöü ☃", **labels}),
            "annotations": self.pruned({"note": 'a "note"\n\\u', **annotations}),
            "finalizers": self.several(1, lambda: "example.com/keep"),
            "managedFields": self.several(3, self.managed),
        })

    def service(self):
        addresses = [self.address()] + self.several(1, self.address)
        return self.pruned({
            "metadata": self.metadata(
                {"service.kubernetes.io/service-proxy-name": self.some(*[None] * 16, "other", "")},
                {
                    "fairlead.dev/scheduler": self.some(*[None] * 16, "mh", "wrr", "", "fastest"),
                    "fairlead.dev/forwarding": self.some(*[None] * 16, "tunnel", "", "warp"),
                },
            ),
            "spec": self.maybe(0.97, lambda: self.service_spec(addresses)),
            "status": self.maybe(0.8, lambda: self.pruned({
                "loadBalancer": self.maybe(
                    0.9, lambda: {"ingress": self.several(2, self.ingress)}
                ),
            })),
        })

    def service_spec(self, addresses):
        return self.pruned({
            "type": self.some(
                *["ClusterIP", "NodePort", "LoadBalancer", "", None] * 6, "ExternalName", "Wrong"
            ),
            "clusterIP": self.some(*addresses * 30, "None", "", None),
            "clusterIPs": self.some(*[addresses] * 30, ["None"], [], None),
            "ipFamilies": ["IPv4"],
            "selector": {"app": "web"},
            "ports": self.several(3, lambda: self.pruned({
                "name": self.port_name(), "protocol": self.protocol(), "port": self.port(),
                "targetPort": self.some(8080, "http", -1), "nodePort": self.some(None, self.port()),
                "appProtocol": self.some(None, "http"),
            })),
            "externalIPs": self.several(2, self.address),
            "loadBalancerSourceRanges": self.several(2, self.range),
            "sessionAffinity": self.some(*["None", "ClientIP", "", None] * 20, "Cookie"),
            "sessionAffinityConfig": self.some(
                None, {}, {"clientIP": {}}, *[{"clientIP": {"timeoutSeconds": 60}}] * 20,
                {"clientIP": {"timeoutSeconds": 0}}, {"clientIP": {"timeoutSeconds": 86401}},
            ),
            "externalTrafficPolicy": self.some(*["Cluster", "Local", "", None] * 20, "Near"),
            "internalTrafficPolicy": self.some(*["Cluster", "Local", None] * 20, "Near"),
            "healthCheckNodePort": self.some(*[None, 0, 30001] * 20, -1),
            "publishNotReadyAddresses": self.some(None, True),
            "trafficDistribution": self.some(None, "PreferClose"),
        })

    def ingress(self):
        return self.pruned({
            "ip": self.some(self.address(), "", None),
            "hostname": self.some(None, "lb.example.com"),
            "ipMode": self.some(*[None, "VIP", "Proxy"] * 9, "vip"),
            "ports": self.several(1, lambda: {"port": 80, "protocol": "TCP"}),
        })

    def slice(self):
        address_type = self.some(*["IPv4", "IPv6"] * 12, "FQDN", "", "IPv5")
        make = self.ipv6 if address_type == "IPv6" else self.ipv4
        return self.pruned({
            "metadata": self.metadata(
                {
                    "kubernetes.io/service-name": self.some(*["web", "db"] * 12, None, "", "Web"),
                    "service.kubernetes.io/headless": self.some(*[None] * 9, ""),
                },
                {
                    "endpoints.kubernetes.io/last-change-trigger-time": self.some(
                        None, "2026-01-02T03:04:05.678901234Z", "yesterday"
                    ),
                    "fairlead.dev/weight": self.some(
                        *[None] * 16, "5", "7, 10.0.0.1=0", "", "1,,2", "1=2=3"
                    ),
                },
            ),
            "addressType": address_type,
            "ports": self.several(3, lambda: self.pruned({
                "name": self.port_name(), "protocol": self.protocol(), "port": self.port(),
            })),
            "endpoints": self.several(4, lambda: self.endpoint(make)),
        })

    def endpoint(self, make):
        flag = lambda: self.some(None, True, False)
        return self.pruned({
            "addresses": self.some(*[[make()]] * 20, [make(), make()], []),
            "conditions": self.some(
                None, {}, self.pruned({"ready": flag(), "serving": flag(), "terminating": flag()})
            ),
            "hostname": self.some(None, "web-0"),
            "targetRef": self.some(None, {"kind": "Pod", "namespace": "shop", "name": "web-0"}),
            "deprecatedTopology": self.some(None, {"rack": "1"}),
            "nodeName": self.some(None, "", "node-a"),
            "zone": self.some(None, "", "zone-a"),
            "hints": self.some(
                None, {}, {"forZones": [{"name": "zone-a"}, {"name": "zone-b"}]},
                {"forNodes": [{"name": "node-a"}]}, *[None] * 20, {"forZones": [{"name": ""}]},
            ),
        })

    def node(self):
        return self.pruned({
            "metadata": self.metadata(
                {"topology.kubernetes.io/zone": self.some(None, "", "zone-a")}, {}, namespace=False
            ),
            "spec": self.pruned({
                "podCIDR": self.some(None, "", self.range()),
                "podCIDRs": self.some(None, self.several(2, self.range)),
                "taints": self.several(2, lambda: {"key": "k", "effect": "NoSchedule"}),
                "unschedulable": self.some(None, True),
            }),
            "status": self.maybe(0.9, lambda: {"addresses": self.several(4, lambda: {
                "type": self.some("InternalIP", "ExternalIP", "Hostname"),
                "address": self.some(self.address(), "node-a"),
            })}),
        })

    def service_cidr(self):
        return self.pruned({
            "metadata": self.metadata({}, {}, namespace=False),
            "spec": self.maybe(0.9, lambda: {"cidrs": self.several(2, self.range)}),
        })


def yaml(value, indent=""):
    """Block style, every scalar as JSON writes it."""
    if isinstance(value, dict) and value:
        lines = ""
        for key, each in value.items():
            nested = isinstance(each, (dict, list)) and each
            lines += indent + json.dumps(key) + ":"
            lines += "\n" + yaml(each, indent + "  ") if nested else " " + yaml(each) + "\n"
        return lines
    if isinstance(value, list) and value:
        lines = ""
        for each in value:
            nested = isinstance(each, (dict, list)) and each
            lines += indent + "-" + ("\n" + yaml(each, indent + "  ") if nested else " " + yaml(each) + "\n")
        return lines
    return json.dumps(value, ensure_ascii=False)


def base64_text(data):
    return base64.b64encode(data).decode()


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    objects = Objects(seed)
    makers = {
        "Service": objects.service, "EndpointSlice": objects.slice, "Node": objects.node,
        "ServiceCIDR": objects.service_cidr,
    }
    result = {}
    for kind, make in makers.items():
        version = API_VERSIONS[kind]
        items = [make() for _ in range(count)]
        whole = {"metadata": {"resourceVersion": "777", "continue": "more"}, "items": items}
        head = {"kind": kind + "List", "apiVersion": version}
        events = [(objects.some("ADDED", "MODIFIED", "DELETED"), kind, item) for item in items]
        mark = {"k8s.io/initial-events-end": "true"}
        events.append(("BOOKMARK", kind, {"metadata": {"resourceVersion": "778"}}))
        events.append(
            ("BOOKMARK", kind, {"metadata": {"resourceVersion": "779", "annotations": mark}})
        )
        status = {
            "status": "Failure", "message": "too old", "reason": "Expired", "code": 410,
            "details": {"causes": [{"reason": "ResourceVersionTooLarge"}], "retryAfterSeconds": 3},
        }
        events.append(("ERROR", "Status", status))
        versions = {"Status": "v1", kind: version}
        result[kind] = {
            "list": {
                "protobuf": base64_text(envelope(version, kind + "List", whole)),
                "json": base64_text(json.dumps({**head, **whole}).encode()),
            },
            "watch": {
                "protobuf": base64_text(
                    b"".join(frame(event, versions[k], k, value) for event, k, value in events)
                ),
                "json": base64_text("".join(
                    json.dumps(
                        {"type": event, "object": {"kind": k, "apiVersion": versions[k], **value}},
                        ensure_ascii=False,
                    ) + "\n"
                    for event, k, value in events
                ).encode()),
            },
            "status": {
                "protobuf": base64_text(envelope("v1", "Status", status)),
                "json": base64_text(
                    json.dumps({"kind": "Status", "apiVersion": "v1", **status}).encode()
                ),
            },
            "manifests": [
                yaml({"apiVersion": version, "kind": kind, **item}) for item in items
            ],
            "types": [event for event, _, _ in events],
        }
    json.dump(result, sys.stdout)


main()
