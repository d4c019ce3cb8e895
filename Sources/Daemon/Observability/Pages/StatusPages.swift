import FoundationEssentials
import HTTPServing
import PrintableText
import ServiceModel
import Synchronization

extension DaemonView {
    /// What the status socket answers, all as JSON.
    var statusPages: HTTPRoutes {
        var routes = HTTPRoutes()
        routes["/status"] = { [self] _ in Self.json(await status()) }
        routes["/configuration"] = { [self] _ in
            Self.json(ConfigurationAnswer(snapshot.configuration, nodeName: nodeName))
        }
        routes["/confirm"] = { [self] _ in await confirmPage() }
        routes.actions = ["/confirm"]
        routes["/status/services/"] = { [self] in await servicePage($0) }
        return routes.after { [self] in await bringUpToDate() }
    }

    private func confirmPage() async -> HTTPResponse {
        guard let count = await confirm() else {
            return .text("the daemon is stopping; nothing was confirmed\n", status: 503)
        }
        let released = "\(counted(count, "Service")) \(count == 1 ? "is" : "are") released"
        return .text(count == 0 ? "nothing is held\n" : "confirmed: \(released)\n")
    }

    private func servicePage(_ request: HTTPRequest) async -> HTTPResponse {
        let name = request.path.dropFirst("/status/services/".count)
            .split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard name.count == 2 else {
            return .text("the path is /status/services/NAMESPACE/NAME\n", status: 404)
        }
        let service = ServiceName(namespace: name[0], name: name[1])
        guard let status = await status(of: service) else {
            return .text("there is no Service \(service)\n", status: 404)
        }
        return Self.json(status)
    }

    private static func json(_ value: some Encodable) -> HTTPResponse {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            return .text("cannot be put into JSON\n", status: 500)
        }
        return .json(String(decoding: data, as: UTF8.self))
    }
}
