import AnnotatedYAML

/// A field of the configuration file, or a section of fields. The tree below `root` defines all fields
/// for parsing and writing files, for reloads and for kube-proxy's configuration.
package struct ConfigurationField: Sendable {
    /// When a change of the file takes effect.
    package enum Reload: Sendable {
        /// At once.
        case live
        /// At the next start.
        case restart
    }

    /// The name in the file, without sections.
    package let name: String
    /// Its purpose, as lines of a comment.
    package private(set) var summary: String
    /// The permitted values and the unit, for people; empty for a section.
    package let values: String
    package let reload: Reload
    /// The fields of a section, in the order of the example; empty for a value.
    package let fields: [ConfigurationField]
    /// For a section whose presence has a meaning.
    private let presence: (any WritableKeyPath<DaemonConfiguration, Bool> & Sendable)?
    private let access: Access?

    /// Access to a value.
    private struct Access: Sendable {
        let read: @Sendable (Fields, Notation, inout DaemonConfiguration) throws(FieldError) -> Void
        let value: @Sendable (DaemonConfiguration) -> ConfigurationValue
        let differs: @Sendable (DaemonConfiguration, DaemonConfiguration) -> Bool
        let copy: @Sendable (DaemonConfiguration, inout DaemonConfiguration) -> Void
    }

    /// A value whose change takes effect at once. Its default is that of a new configuration.
    static func live<Value: Equatable & Sendable>(
        _ name: String,
        _ keyPath: any WritableKeyPath<DaemonConfiguration, Value> & Sendable,
        _ format: FieldFormat<Value>
    ) -> Self {
        Self(name, keyPath, format, .live)
    }

    /// As `live`, but a change takes effect at the next start.
    static func restart<Value: Equatable & Sendable>(
        _ name: String,
        _ keyPath: any WritableKeyPath<DaemonConfiguration, Value> & Sendable,
        _ format: FieldFormat<Value>
    ) -> Self {
        Self(name, keyPath, format, .restart)
    }

    /// The same field with a description, as lines of a comment.
    func about(_ summary: String) -> Self {
        var field = self
        field.summary = summary
        return field
    }

    private init<Value: Equatable & Sendable>(
        _ name: String,
        _ keyPath: any WritableKeyPath<DaemonConfiguration, Value> & Sendable,
        _ format: FieldFormat<Value>,
        _ reload: Reload
    ) {
        self.name = name
        summary = ""
        self.reload = reload
        values = format.values
        fields = []
        presence = nil
        access = Access(
            read: { (fields, notation, configuration) throws(FieldError) in
                guard let value = try format.parse(fields, name, notation) else { return }
                configuration[keyPath: keyPath] = value
            },
            value: { format.render($0[keyPath: keyPath]) },
            differs: { $0[keyPath: keyPath] != $1[keyPath: keyPath] },
            copy: { $1[keyPath: keyPath] = $0[keyPath: keyPath] }
        )
    }

    /// A section. With `presence` it is optional, and adding or removing it needs a restart.
    init(
        section name: String,
        _ summary: String = "",
        presence: (any WritableKeyPath<DaemonConfiguration, Bool> & Sendable)? = nil,
        fields: [ConfigurationField]
    ) {
        self.name = name
        self.summary = summary
        self.fields = fields
        self.presence = presence
        reload = presence == nil ? .live : .restart
        values = ""
        access = nil
    }

    /// Whether it is a section whose absence has a meaning.
    package var isOptionalSection: Bool { presence != nil }
    package var isSection: Bool { access == nil }

    /// The field and all fields in it, with complete paths.
    package func paths(below section: String = "") -> [(path: String, field: ConfigurationField)] {
        let path = section.isEmpty ? name : "\(section).\(name)"
        return (path.isEmpty ? [] : [(path, self)]) + fields.flatMap { $0.paths(below: path) }
    }

    // MARK: - Values

    /// Copies the field from `fields`, those of its section, into `configuration`. Throws for an
    /// unusable value or an unknown field.
    func read(
        _ fields: Fields,
        into configuration: inout DaemonConfiguration
    ) throws(FieldError) {
        if let access { return try access.read(fields, .own, &configuration) }
        guard let nested = name.isEmpty ? fields : try fields.fields(name) else { return }
        try nested.refuseUnknown(self.fields.map(\.name))
        if let presence { configuration[keyPath: presence] = true }
        for field in self.fields { try field.read(nested, into: &configuration) }
    }

    /// As `read`, from kube-proxy's configuration: only the fields in `paths`, which both have.
    func readShared(
        _ paths: Set<String>,
        _ fields: Fields,
        into configuration: inout DaemonConfiguration
    ) throws(FieldError) {
        guard let nested = name.isEmpty ? fields : try fields.fields(name) else { return }
        for field in self.fields {
            if let access = field.access {
                guard paths.contains(nested.path.isEmpty ? field.name : "\(name).\(field.name)")
                else { continue }
                try access.read(nested, .kubernetes, &configuration)
            } else if name.isEmpty {
                try field.readShared(paths, nested, into: &configuration)
            }
        }
    }

    /// Null for an absent optional section.
    package func value(in configuration: DaemonConfiguration) -> ConfigurationValue {
        if let access { return access.value(configuration) }
        if let presence, !configuration[keyPath: presence] { return .null }
        return .mapping(
            fields.map { .init(name: $0.name, value: $0.value(in: configuration)) }
        )
    }

    /// Whether its value, or the presence of a section, differs.
    package func differs(_ one: DaemonConfiguration, _ other: DaemonConfiguration) -> Bool {
        if let access { return access.differs(one, other) }
        guard let presence else { return false }
        return one[keyPath: presence] != other[keyPath: presence]
    }

    private func copy(_ source: DaemonConfiguration, _ target: inout DaemonConfiguration) {
        if let access { return access.copy(source, &target) }
        if let presence { target[keyPath: presence] = source[keyPath: presence] }
    }

    /// The configuration of a daemon that runs with `old` and reloads `new`. Fields that need a restart
    /// keep their values; `waiting` has the paths of those that differ.
    static func reload(
        _ old: DaemonConfiguration,
        _ new: DaemonConfiguration
    ) -> (configuration: DaemonConfiguration, waiting: [String]) {
        var configuration = new
        var waiting: [String] = []
        for (path, field) in root.paths() where field.reload == .restart {
            let isInside = waiting.contains { path.hasPrefix("\($0).") }
            if !isInside, field.differs(old, new) { waiting.append(path) }
            field.copy(old, &configuration)
        }
        return (configuration, waiting)
    }
}

extension DaemonConfiguration {
    /// Adopts `new`, except for fields that need a restart; returns the paths of those that differ.
    package mutating func reload(_ new: DaemonConfiguration) -> [String] {
        let (configuration, waiting) = ConfigurationField.reload(self, new)
        self = configuration
        return waiting
    }
}
