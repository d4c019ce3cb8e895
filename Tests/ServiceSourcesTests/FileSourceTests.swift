import Addressing
import Foundation
import ServiceModel
import ServiceSources
import Testing

@Suite("FileSource")
struct FileSourceTests {
    private static let root = #filePath.split(separator: "/").dropLast(3)
        .reduce("") { $0 + "/" + $1 }

    /// A directory of its own, gone afterwards.
    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.path + "/fairlead-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: path + "/d",
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    private static func web(_ endpoint: String) -> String {
        """
        services:
          - {name: shop/web, address: 10.96.0.10, ports: [{port: 80}], endpoints: [{address: \(endpoint)}]}

        """
    }

    private func endpoint(_ update: SnapshotUpdate?) -> String? {
        let name = ServiceName(namespace: "shop", name: "web")
        return update?.snapshot.slices[name]?.first?.endpoints.first?.address.description
    }

    @Test("The examples we ship are without fault")
    func examples() {
        let update = FileSource(path: Self.root + "/config/examples").load()
        #expect(update?.snapshot.issues.map(\.description) == [])
        #expect((update?.snapshot.services.count ?? 0) >= 3)
    }

    @Test("A path that is not there is no empty list of Services")
    func missing() {
        #expect(FileSource(path: "/nowhere/fairlead").load() == nil)
    }

    @Test("A restart in the middle of an edit loses nothing")
    func lastGoodCopies() async throws {
        try await withDirectory { directory in
            func source() -> FileSource {
                FileSource(path: directory + "/d", stateDirectory: directory + "/state")
            }
            let file = directory + "/d/web.yaml"
            try Self.web("10.180.0.11").write(toFile: file, atomically: true, encoding: .utf8)
            #expect(endpoint(source().load()) == "10.180.0.11")
            try "services:\n  - {name: shop/web, addr".write(
                toFile: file,
                atomically: true,
                encoding: .utf8
            )
            let update = source().load()
            #expect(endpoint(update) == "10.180.0.11")
            #expect(update?.snapshot.issues.isEmpty == false)
        }
    }

    @Test("Changes arrive: written in place, renamed over, deleted", .timeLimit(.minutes(10)))
    func watching() async throws {
        try await withDirectory { directory in
            let file = directory + "/d/web.yaml"
            try Self.web("10.180.0.11").write(toFile: file, atomically: false, encoding: .utf8)
            let source = FileSource(path: directory + "/d")
            var updates = source.updates().makeAsyncIterator()
            #expect(endpoint(await updates.next()) == "10.180.0.11")
            try Self.web("10.180.0.12").write(toFile: file, atomically: false, encoding: .utf8)
            while endpoint(await updates.next()) != "10.180.0.12" {}
            try Self.web("10.180.0.13").write(toFile: file, atomically: true, encoding: .utf8)
            while endpoint(await updates.next()) != "10.180.0.13" {}
            try FileManager.default.removeItem(atPath: file)
            while let update = await updates.next(), !update.snapshot.services.isEmpty {}
        }
    }
}
