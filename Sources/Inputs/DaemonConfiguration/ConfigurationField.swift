import AnnotatedYAML

/// A field of the configuration file, or a section of fields. The tree below `root` is all there is
/// to know about fields: files are read and written by it, and reloads and kube-proxy's
/// configuration follow it.
package struct ConfigurationField: Sendable {
    /// What a change of the file does.
    package enum Reload: Sendable {
        /// It takes effect at once.
        case live
        /// It takes effect at the next start.
        case restart
    }

    /// As in the file, without the sections around it.
    package let name: String
    /// What it is for, in lines of a comment.
    package private(set) var summary: String
    /// What it may hold, and the unit; empty for a section.
    package let values: String
    package let reload: Reload
    /// The fields of a section, in the order of the example; empty for a value.
    package let fields: [ConfigurationField]
    /// Set for a section that changes something by being there.
    private let presence: (any WritableKeyPath<DaemonConfiguration, Bool> & Sendable)?
    private let access: Access?

    /// How a value is reached.
    private struct Access: Sendable {
        let read: @Sendable (Fields, Notation, inout DaemonConfiguration) throws(FieldError) -> Void
        let value: @Sendable (DaemonConfiguration) -> ConfigurationValue
        let differs: @Sendable (DaemonConfiguration, DaemonConfiguration) -> Bool
        let copy: @Sendable (DaemonConfiguration, inout DaemonConfiguration) -> Void
    }

    /// A value whose change takes effect at once. What `format` reads replaces the default, which is a
    /// new configuration's.
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

    /// With a description, in lines of a comment.
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

    /// A section. With `presence` it is optional, and whether it is there takes a restart.
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

    /// True for a section that may be left out, with a meaning.
    package var isOptionalSection: Bool { presence != nil }
    package var isSection: Bool { access == nil }

    /// Itself and what is in it, with whole paths.
    package func paths(below section: String = "") -> [(path: String, field: ConfigurationField)] {
        let path = section.isEmpty ? name : "\(section).\(name)"
        return (path.isEmpty ? [] : [(path, self)]) + fields.flatMap { $0.paths(below: path) }
    }

    // MARK: - Values

    /// Puts what `fields`, those around it, hold of it into `configuration`. Throws for a value that
    /// can't be used and for a field of a section that is none.
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

    /// As `read`, from kube-proxy's configuration, where some fields have the same names: only those
    /// whose path is in `paths`.
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

    /// Null for an optional section that is not there.
    package func value(in configuration: DaemonConfiguration) -> ConfigurationValue {
        if let access { return access.value(configuration) }
        if let presence, !configuration[keyPath: presence] { return .null }
        return .mapping(
            fields.map { .init(name: $0.name, value: $0.value(in: configuration)) }
        )
    }

    /// Whether its own value, or being there, is another in `other`.
    package func differs(_ one: DaemonConfiguration, _ other: DaemonConfiguration) -> Bool {
        if let access { return access.differs(one, other) }
        guard let presence else { return false }
        return one[keyPath: presence] != other[keyPath: presence]
    }

    private func copy(_ source: DaemonConfiguration, _ target: inout DaemonConfiguration) {
        if let access { return access.copy(source, &target) }
        if let presence { target[keyPath: presence] = source[keyPath: presence] }
    }

    /// What a daemon that runs with `old` does by `new`: the values that take a restart stay, and
    /// `waiting` are the paths of those that are others in `new`.
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
    /// Takes over `new` but for the fields that are only read at the start; the paths of those that
    /// differ.
    package mutating func reload(_ new: DaemonConfiguration) -> [String] {
        let (configuration, waiting) = ConfigurationField.reload(self, new)
        self = configuration
        return waiting
    }
}
