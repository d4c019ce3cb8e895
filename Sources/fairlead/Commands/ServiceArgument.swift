import ArgumentParser
import ServiceModel

/// A Service on the command line: `NAMESPACE/NAME`.
struct ServiceArgument: ExpressibleByArgument {
    var name: ServiceName

    init?(argument: String) {
        let parts = argument.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        name = ServiceName(namespace: String(parts[0]), name: String(parts[1]))
    }

    static var defaultValueDescription: String { "NAMESPACE/NAME" }

    /// The named Services; nil, for all, if none is named. Throws if the sources lack one.
    static func names(
        _ arguments: [ServiceArgument],
        in snapshot: ServiceSnapshot
    ) throws -> Set<ServiceName>? {
        for argument in arguments where snapshot.services[argument.name] == nil {
            throw CommandFailure("\(argument.name): no such Service in the sources")
        }
        return arguments.isEmpty ? nil : Set(arguments.map(\.name))
    }
}
