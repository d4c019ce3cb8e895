import Addressing
import ServiceModel
import ServiceSources
import Testing

@Suite("SnapshotMerger")
struct SnapshotMergerTests {
    private static let web = ServiceName(namespace: "shop", name: "web")
    private static let db = ServiceName(namespace: "shop", name: "db")

    private func service(
        _ name: ServiceName,
        _ port: Int,
        _ origin: ServiceOrigin = .files
    ) -> Service {
        let ports = PortNumber(port).map { [ServicePort(port: $0)] } ?? []
        return Service(name: name, origin: origin, ports: ports)
    }

    private func slice(_ name: ServiceName, _ slice: String) -> EndpointSlice {
        EndpointSlice(name: slice, service: name, family: .ipv4, ports: [], endpoints: [])
    }

    private func merger() -> SnapshotMerger {
        SnapshotMerger([.cluster, .files], fileSource: "/etc/services.d")
    }

    @Test("Nothing comes before every source has reported")
    func waiting() throws {
        var merger = merger()
        let empty = SnapshotUpdate(snapshot: ServiceSnapshot(), changed: .all)
        #expect(merger.missing == [.cluster, .files])
        #expect(merger.take(empty, from: .files) == nil)
        #expect(merger.missing == [.cluster])
        let firstUpdate = merger.take(empty, from: .cluster)
        let first = try #require(firstUpdate)
        #expect(first.changed == .all)
        var alone = SnapshotMerger([.files], fileSource: "x")
        #expect(alone.take(empty, from: .files) != nil)
    }

    @Test("The cluster's Service counts, whole, and the file's is an issue until it goes")
    func clash() throws {
        var merger = merger()
        var files = ServiceSnapshot(
            services: [
                Self.web: service(Self.web, 81), Self.db: service(Self.db, 5432),
            ],
            slices: [Self.web: [slice(Self.web, "file")]]
        )
        _ = merger.take(SnapshotUpdate(snapshot: files, changed: .all), from: .files)
        let cluster = ServiceSnapshot(services: [Self.web: service(Self.web, 80, .cluster)])
        _ = merger.take(SnapshotUpdate(snapshot: cluster, changed: .all), from: .cluster)
        #expect(merger.snapshot.services[Self.web]?.origin == .cluster)
        // Not even its endpoints: they belong to the other Service.
        #expect(merger.snapshot.slices[Self.web] == nil)
        #expect(merger.snapshot.services[Self.db]?.origin == .files)
        let issue =
            "/etc/services.d: shop/web: the cluster has a Service of this name, which is used; "
        #expect(merger.snapshot.issues.map(\.description) == [issue + "this one is ignored"])

        files.services[Self.web] = nil
        let onlySlicesUpdate = merger.take(
            SnapshotUpdate(snapshot: files, changed: .some([Self.web])),
            from: .files
        )
        let onlySlices = try #require(onlySlicesUpdate)
        #expect(onlySlices.changed == .some([]))
        #expect(
            merger.snapshot.issues.map(\.description) == [issue + "these endpoints are ignored"]
        )
        let goneUpdate = merger.take(
            SnapshotUpdate(snapshot: ServiceSnapshot(), changed: .some([Self.web])),
            from: .cluster
        )
        let gone = try #require(goneUpdate)
        #expect(gone.changed == .some([Self.web]))
        #expect(merger.snapshot.slices[Self.web]?.map(\.name) == ["file"])
        #expect(merger.snapshot.issues.isEmpty)
    }

    @Test("How objects went is passed on, unless they are of a Service that the other source has")
    func removals() throws {
        var merger = merger()
        let both = ServiceSnapshot(
            services: [
                Self.web: service(Self.web, 80, .cluster),
                Self.db: service(Self.db, 81, .cluster),
            ],
            slices: [Self.web: [slice(Self.web, "a")]]
        )
        let files = ServiceSnapshot(services: [Self.web: service(Self.web, 80)])
        _ = merger.take(SnapshotUpdate(snapshot: files, changed: .all), from: .files)
        _ = merger.take(SnapshotUpdate(snapshot: both, changed: .all), from: .cluster)
        var deleted = Removals()
        deleted.note(Self.web, .deleted)
        let foreign = merger.take(
            SnapshotUpdate(
                snapshot: ServiceSnapshot(),
                changed: .some([Self.web]),
                removals: deleted
            ),
            from: .files
        )
        #expect(try #require(foreign).removals.isEmpty)
        // Whole state after whole state: what is absent is missing.
        let whole = merger.take(
            SnapshotUpdate(snapshot: ServiceSnapshot(), changed: .all),
            from: .cluster
        )
        let missing = try #require(whole).removals
        #expect(missing.services == [Self.web: .missing, Self.db: .missing])
        #expect(missing.slices == [Self.web: ["a": .missing]])
        // What is said later of something that is gone already counts.
        let later = merger.take(
            SnapshotUpdate(snapshot: ServiceSnapshot(), changed: .some([]), removals: deleted),
            from: .cluster
        )
        #expect(try #require(later).removals == deleted)
    }

    @Test("Any sequence of updates ends as if merged at once, and names what changed")
    func randomSequences() {
        var random = SystemRandomNumberGenerator()
        let names = (0..<6).map { ServiceName(namespace: "n", name: "s\($0)") }
        for _ in 0..<200 {
            var sources: [ServiceOrigin: ServiceSnapshot] = [.cluster: .init(), .files: .init()]
            var merger = merger()
            for (origin, snapshot) in sources {
                _ = merger.take(SnapshotUpdate(snapshot: snapshot, changed: .all), from: origin)
            }
            for _ in 0..<12 {
                let origin = ServiceOrigin.allCases.randomElement(using: &random)!
                let name = names.randomElement(using: &random)!
                let port = Int.random(in: 1...2, using: &random)
                sources[origin]?.services[name] =
                    Bool.random(using: &random) ? service(name, port, origin) : nil
                sources[origin]?.slices[name] =
                    Bool.random(using: &random) ? [slice(name, "\(origin)\(port)")] : nil
                var changed: Set = [name]
                if Int.random(in: 0..<4, using: &random) == 0 {
                    changed = Set(names)
                    sources[origin] = ServiceSnapshot()
                }
                let before = merger.snapshot
                let update = merger.take(
                    SnapshotUpdate(snapshot: sources[origin]!, changed: .some(changed)),
                    from: origin
                )
                var whole = self.merger()
                for (origin, snapshot) in sources {
                    _ = whole.take(SnapshotUpdate(snapshot: snapshot, changed: .all), from: origin)
                }
                #expect(merger.snapshot.services == whole.snapshot.services)
                #expect(merger.snapshot.slices == whole.snapshot.slices)
                #expect(merger.snapshot.issues == whole.snapshot.issues)
                let differs = names.filter {
                    before.services[$0] != merger.snapshot.services[$0]
                        || before.slices[$0] != merger.snapshot.slices[$0]
                }
                #expect(update?.changed == .some(Set(differs)))
            }
        }
    }
}
