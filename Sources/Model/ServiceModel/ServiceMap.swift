import HashTreeCollections

/// Values by Service.
///
/// Copies share structure: keeping one while changing the other costs only the difference, where a
/// `Dictionary` would be copied completely.
package struct ServiceMap<Value: Sendable & Equatable>: Sendable, Equatable {
    private var tree = TreeDictionary<ServiceName, Value>()

    package init() {}

    package subscript(name: ServiceName) -> Value? {
        get { tree[name] }
        set { tree[name] = newValue }
    }

    package subscript(name: ServiceName, default value: @autoclosure () -> Value) -> Value {
        get { tree[name, default: value()] }
        set { tree[name] = newValue }
    }

    package var count: Int { tree.count }
    package var isEmpty: Bool { tree.isEmpty }
    /// Unordered.
    package var keys: some Collection<ServiceName> { tree.keys }
    /// Unordered.
    package var values: some Collection<Value> { tree.values }
}

extension ServiceMap: Sequence {
    /// Unordered.
    package func makeIterator() -> AnyIterator<(key: ServiceName, value: Value)> {
        var iterator = tree.makeIterator()
        return AnyIterator { iterator.next() }
    }
}

extension ServiceMap: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (ServiceName, Value)...) {
        for (name, value) in elements { tree[name] = value }
    }
}
