import AnnotatedYAML
import Foundation
import NamespaceLab
import Testing

/// The manifests in config/kubernetes, as far as they can be tested without a cluster.
@Suite("Kubernetes manifests")
struct KubernetesManifestTests {
    private static let directory =
        #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
        + "/config/kubernetes"

    /// All files with objects.
    private static func files() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory)
            .filter { $0.hasSuffix(".yaml") && $0 != "kustomization.yaml" }
    }

    /// All objects by kind.
    private static func objects() throws -> [String: Fields] {
        var objects: [String: Fields] = [:]
        for name in try files() {
            let text = try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)
            for document in YAMLText.documents(text) {
                let fields = try Fields(document.get())
                let kind = try fields.requiredString("kind")
                #expect(objects[kind] == nil, "\(kind) is there twice")
                objects[kind] = fields
            }
        }
        return objects
    }

    private static func container() throws -> (pod: Fields, container: Fields) {
        let set = try #require(try objects()["DaemonSet"])
        let pod = try #require(try set.fields("spec")?.fields("template")?.fields("spec"))
        let containers = try pod.list("containers")
        try #require(containers.count == 1)
        return (pod, try Fields(containers[0].value))
    }

    @Test("The objects are there and belong together")
    func objects() throws {
        let objects = try Self.objects()
        #expect(
            objects.keys.sorted() == [
                "ClusterRole", "ClusterRoleBinding", "ConfigMap", "DaemonSet", "ServiceAccount",
            ]
        )
        for (kind, fields) in objects {
            let metadata = try #require(try fields.fields("metadata"))
            #expect(try metadata.string("name") == "fairlead")
            let isInNamespace = !kind.hasPrefix("ClusterRole")
            #expect(try metadata.string("namespace") == (isInNamespace ? "kube-system" : nil))
        }
        let binding = try #require(objects["ClusterRoleBinding"])
        #expect(try binding.fields("roleRef")?.string("name") == "fairlead")
        let set = try #require(try objects["DaemonSet"]?.fields("spec"))
        let selected = try set.fields("selector")?.fields("matchLabels")
        let labels = try set.fields("template")?.fields("metadata")?.fields("labels")
        #expect(try selected?.string("app.kubernetes.io/name") == "fairlead")
        #expect(try labels?.string("app.kubernetes.io/name") == "fairlead")
    }

    @Test("The kustomization has all files, and names the image of the pod")
    func kustomization() throws {
        let text = try String(
            contentsOfFile: "\(Self.directory)/kustomization.yaml",
            encoding: .utf8
        )
        let fields = try Fields(try #require(YAMLText.documents(text).first).get())
        #expect(try fields.strings("resources").map(\.text).sorted() == Self.files().sorted())
        let image = try #require(try Self.container().container.string("image"))
        let named = try Fields(try #require(try fields.list("images").first).value)
        #expect(try named.string("name") == image.split(separator: ":").first.map(String.init))
        #expect(try named.string("newTag") == image.split(separator: ":").last.map(String.init))
    }

    @Test("The role allows what is asked of the API server, and nothing else")
    func role() throws {
        let role = try #require(try Self.objects()["ClusterRole"])
        var allowed: Set<String> = []
        for (value, path) in try role.list("rules") {
            let rule = try Fields(value, path: path)
            #expect(Set(rule.names) == ["apiGroups", "resources", "verbs"])
            for group in try rule.strings("apiGroups") {
                for resource in try rule.strings("resources") {
                    for verb in try rule.strings("verbs") {
                        allowed.insert("\(verb.text) \(group.text)/\(resource.text)")
                    }
                }
            }
        }
        #expect(
            allowed == [
                "list /services", "watch /services", "list discovery.k8s.io/endpointslices",
                "watch discovery.k8s.io/endpointslices", "list networking.k8s.io/servicecidrs",
                "watch networking.k8s.io/servicecidrs", "get /nodes", "list /nodes", "watch /nodes",
                "create events.k8s.io/events", "patch events.k8s.io/events",
            ]
        )
    }

    @Test("The command line and the configuration are accepted")
    func commandLine() throws {
        let map = try #require(try Self.objects()["ConfigMap"]?.fields("data"))
        let file = FileManager.default.temporaryDirectory.path + "/fairlead-\(UUID().uuidString)"
        try map.requiredString("fairlead.yaml")
            .write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        var arguments = try Self.container().container.strings("args").map(\.text)
        #expect(arguments.first == "run")
        arguments = arguments.dropFirst().map {
            $0.replacing("/etc/fairlead/fairlead.yaml", with: file)
                .replacing("$(NODE_NAME)", with: "node-a")
        }
        let result = try LabCommand.result(
            [BuiltProgram.fairlead, "config", "convert"] + arguments
        )
        #expect(result.status == 0, "\(result.output)")
        for expected in ["mode: auto", "name: node-a", "https://192.0.2.11:6443", "mode: NodeCIDR"]
        {
            #expect(result.output.contains(expected), "\(result.output)")
        }
    }

    @Test("The pod has the least it needs, and is not restarted because its node is to go")
    func pod() throws {
        let (pod, container) = try Self.container()
        #expect(try pod.boolean("hostNetwork") == true)
        #expect(try pod.string("priorityClassName") == "system-node-critical")
        let security = try #require(try container.fields("securityContext"))
        #expect(try security.boolean("readOnlyRootFilesystem") == true)
        #expect(try security.boolean("allowPrivilegeEscalation") == false)
        let capabilities = try #require(try security.fields("capabilities"))
        #expect(try capabilities.strings("drop").map(\.text) == ["ALL"])
        #expect(try capabilities.strings("add").map(\.text) == ["NET_ADMIN"])
        let probes = [
            "startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz",
        ]
        for (probe, path) in probes {
            #expect(try container.fields(probe)?.fields("httpGet")?.string("path") == path)
        }
        // What a node may lack is made, or the pod never starts there.
        for (value, path) in try pod.list("volumes") {
            guard let host = try Fields(value, path: path).fields("hostPath") else { continue }
            let type = try host.string("type")
            #expect(["DirectoryOrCreate", "FileOrCreate"].contains(type), "\(path): \(type ?? "")")
        }
        let volumes = try pod.list("volumes").map { try Fields($0.value).requiredString("name") }
        let mounts = try container.list("volumeMounts").map { try Fields($0.value) }
        #expect(try mounts.map { try $0.requiredString("name") }.sorted() == volumes.sorted())
        for mount in mounts { #expect(try mount.string("subPath") == nil) }
    }
}
