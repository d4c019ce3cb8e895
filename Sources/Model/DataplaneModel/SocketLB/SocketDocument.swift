package import Addressing

/// What the socket programs of one family look up, in the shape of its JSON form:
///
///     {"family": "IPv4",
///      "nodeAddresses": ["127.0.0.1", "192.0.2.1"],
///      "frontends": [{"frontend": "10.96.0.10:80/tcp", "action": "group", "group": 1482009},
///        {"frontend": "30080/tcp", "action": "refuse"}],
///      "groups": [{"number": 1482009, "title": "default/web:http/tcp", "choice": "random",
///        "affinitySeconds": 10800, "isForDatagrams": false, "endpoints": [{"address": "10.180.0.11:8080",
///          "slots": [0, 2]}]}]}
///
/// Fields may be added, never renamed.
package struct SocketDocument: Sendable, Encodable {
    package struct Frontend: Sendable, Encodable {
        package var frontend: String
        /// `group`, `refuse` or `leave`.
        package var action: String
        package var group: UInt32?
    }

    package struct Group: Sendable, Encodable {
        package var number: UInt32
        package var title: String?
        package var choice: String
        package var affinitySeconds: UInt32?
        package var isForDatagrams: Bool
        package var endpoints: [Endpoint]
    }

    package struct Endpoint: Sendable, Encodable {
        package var address: String
        package var slots: [Int]
    }

    package var family: String
    package var nodeAddresses: [String]
    package var frontends: [Frontend]
    package var groups: [Group]

    package init(_ state: SocketState, family: IPFamily) {
        self.family = family.rawValue
        nodeAddresses = state.nodeAddresses.sorted().map(\.description)
        frontends = state.frontends.sorted { $0.key < $1.key }.map(Frontend.init)
        groups = state.groups.sorted { $0.key < $1.key }.map(Group.init)
    }
}

extension SocketDocument.Frontend {
    fileprivate init(_ frontend: SocketFrontend, _ action: SocketAction) {
        self.frontend = frontend.description
        switch action {
        case .group(let number):
            self.action = "group"
            group = number
        case .refuse: self.action = "refuse"
        case .leave: self.action = "leave"
        }
    }
}

extension SocketDocument.Group {
    fileprivate init(_ number: UInt32, _ group: SocketGroup) {
        self.init(
            number: number,
            title: group.title,
            choice: group.choice.keyword,
            affinitySeconds: group.affinityTimeoutSeconds,
            isForDatagrams: group.isForDatagrams,
            endpoints: group.endpoints.map {
                SocketDocument.Endpoint(address: $0.endpoint.description, slots: $0.slots)
            }
        )
    }
}

/// Changes of the socket level in the shape of their JSON form, with the lines of the text form:
///
///     {"family": "IPv4",
///      "nodeAddresses": ["+node address 192.0.2.1"],
///      "frontends": ["+frontend 10.96.0.10:80/tcp group 1482009"],
///      "groups": [{"number": 1482009, "lines": ["+group 1482009 random", "…"]}],
///      "attaches": false}
package struct SocketDiffDocument: Sendable, Encodable {
    package struct Group: Sendable, Encodable {
        package var number: UInt32
        package var lines: [String]
    }

    package var family: String
    package var nodeAddresses: [String]
    package var frontends: [String]
    package var groups: [Group]
    /// Whether the programs have to be attached.
    package var attaches: Bool

    package init(_ diff: SocketDiff, family: IPFamily) {
        let renderer = SocketRenderer(family: family)
        self.family = family.rawValue
        nodeAddresses = renderer.addressLines(diff)
        frontends = renderer.frontendLines(diff)
        groups = diff.groups.map { Group(number: $0.number, lines: renderer.lines($0)) }
        attaches = diff.attaches
    }
}
