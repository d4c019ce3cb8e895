import Addressing
import AnnotatedYAML
import Conversion
import DaemonConfiguration
import PacketTracing
import ServiceModel
import ServiceSources

@testable import KubernetesClient

/// Files, flags, the output of programs and what is typed.
let textTargets = [
    FuzzTarget(text: "manifest", decodeManifest),
    FuzzTarget(text: "configuration", loadConfiguration),
    FuzzTarget(text: "kube-proxy-flags", loadFlags),
    FuzzTarget(text: "kubeconfig", readKubeconfig),
    FuzzTarget(text: "exec-plugin") { text in
        for version in ExecPlugin.Version.allCases {
            do throws(ClientError) {
                _ = try ExecCredential(output: text, version: version)
            } catch {
                requirePrintable("\(error)")
            }
        }
    },
    FuzzTarget(text: "ipvsadm") { convert($0, .ipvsadm) },
    FuzzTarget(text: "keepalived") { convert($0, .keepalived) },
    FuzzTarget(text: "cilium") { convert($0, .cilium) },
    FuzzTarget(text: "trace-addresses", readAddresses),
]

private func decodeManifest(_ text: String) {
    let manifest = ManifestDecoder().decode(text)
    for bad in manifest.bad {
        precondition(bad.line >= 1)
        requirePrintable(bad.reason)
    }
}

/// Fairlead's own form and kube-proxy's.
private func loadConfiguration(_ text: String) {
    do throws(ConfigurationError) {
        let loaded = try LoadedConfiguration(text: text, file: "a.yaml")
        loaded.warnings.forEach(requirePrintable)
        requireRereadable(loaded.configuration)
    } catch {
        requirePrintable("\(error)")
    }
}

/// A line for each flag, with and without kube-proxy's file.
private func loadFlags(_ text: String) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let words = KubeProxyFlag.rewriting(["run"] + lines)
    let flags = words.compactMap { KubeProxyFlag(parsing: $0) }
    for isOverlay in [false, true] {
        do throws(ConfigurationError) {
            var loaded = LoadedConfiguration()
            if isOverlay { try loaded.overlay(flags) } else { loaded = try .init(flags: flags) }
            loaded.warnings.forEach(requirePrintable)
            requireRereadable(loaded.configuration)
        } catch {
            requirePrintable("\(error)")
        }
    }
}

/// What `fairlead config` prints means the same.
private func requireRereadable(_ configuration: DaemonConfiguration) {
    let text = configuration.text()
    let again = try? DaemonConfiguration(text: text, file: "again.yaml")
    precondition(again == configuration, "printed, a configuration is another:\n\(text)")
}

private func readKubeconfig(_ text: String) {
    do throws(ClientError) {
        let access = try Kubeconfig(text: text, file: "/etc/kubeconfig").access()
        precondition(!access.servers.isEmpty)
        for server in access.servers { _ = access.proxy(for: server) }
    } catch {
        requirePrintable("\(error)")
    }
}

/// What was converted is a manifest without a mistake.
private func convert(_ text: String, _ format: ForeignFormat) {
    guard let converted = try? format.convert(text) else { return }
    for finding in converted.findings {
        precondition(finding.line >= 1)
        requirePrintable(finding.description(in: "rules"))
    }
    let manifest = ManifestDecoder().decode(converted.text)
    precondition(
        converted.services.isEmpty || manifest.bad.isEmpty,
        "converted, \(manifest.bad.first.map { $0.reason } ?? ""):\n\(converted.text)"
    )
}

/// `--from` and `--to`, and the other addresses of configuration and objects.
private func readAddresses(_ text: String) {
    if let address = IPAddress(text) {
        precondition(IPAddress("\(address)") == address, "printed, \(address) is another address")
    }
    if let prefix = IPPrefix(text) { precondition(IPPrefix("\(prefix)") == prefix) }
    if let socket = SocketAddress(parsing: text) {
        precondition(SocketAddress(parsing: "\(socket)") == socket)
    }
    if let destination = PacketDestination(text) {
        precondition(PacketDestination("\(destination)") == destination)
    }
}
