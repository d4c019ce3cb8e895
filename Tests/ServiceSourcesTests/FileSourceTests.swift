import Addressing
import Foundation
import Glibc
import ServiceModel
import ServiceSources
import Synchronization
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

    @Test("The shipped examples have no issues")
    func examples() {
        let update = FileSource(path: Self.root + "/config/examples").load()
        #expect(update?.snapshot.issues.map(\.description) == [])
        #expect((update?.snapshot.services.count ?? 0) >= 3)
    }

    @Test("A path that does not exist is not an empty list of Services")
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
            // As a crash or a full disk leaves it.
            try "".write(toFile: file, atomically: true, encoding: .utf8)
            let emptied = source().load()
            #expect(endpoint(emptied) == "10.180.0.11")
            #expect(
                emptied?.snapshot.issues.map(\.description) == [
                    "\(file): the file is empty; its Services stay. Delete it to remove them"
                ]
            )
        }
    }

    @Test(
        "Copies that could not be saved are, once they can: with another manifest's, and without",
        .timeLimit(.minutes(10))
    )
    func copiesAfterFailure() async throws {
        try await withDirectory { directory in
            let state = directory + "/state"
            func copies() -> Int {
                let names = try? FileManager.default.contentsOfDirectory(atPath: state)
                return names?.count { $0.hasSuffix(".good") } ?? 0
            }
            try #require(FileManager.default.createFile(atPath: state, contents: nil))
            try write("10.180.0.11", to: directory + "/d/a.yaml")
            let source = FileSource(path: directory + "/d", stateDirectory: state)
            var updates = source.updates().makeAsyncIterator()
            #expect(await updates.next()?.snapshot.issues.map(\.source) == [state])
            try FileManager.default.removeItem(atPath: state)
            let other = Self.web("10.180.0.12").replacing("shop/web", with: "shop/other")
            try other.write(toFile: directory + "/d/b.yaml", atomically: true, encoding: .utf8)
            while let update = await updates.next(), !update.snapshot.issues.isEmpty {}
            #expect(copies() == 2)

            try FileManager.default.removeItem(atPath: state)
            try #require(FileManager.default.createFile(atPath: state, contents: nil))
            try write("10.180.0.13", to: directory + "/d/a.yaml", atomically: true)
            while let update = await updates.next(), update.snapshot.issues.isEmpty {}
            try FileManager.default.removeItem(atPath: state)
            while let update = await updates.next(), !update.snapshot.issues.isEmpty {}
            #expect(copies() == 1)
        }
    }

    @Test(
        "A directory in the place of a manifest removes nothing; others are ignored",
        .timeLimit(.minutes(10)),
        arguments: [true, false]
    )
    func directoryForFile(_ isListed: Bool) async throws {
        try await withDirectory { directory in
            let file = directory + "/d/web.yaml"
            func source() -> FileSource {
                FileSource(
                    path: isListed ? directory + "/d" : file,
                    stateDirectory: directory + "/state"
                )
            }
            let reason =
                isListed
                ? "web.yaml: is a directory; its Services stay"
                : "web.yaml: cannot be read: Is a directory; retrying"
            if isListed { try #require(mkdir(directory + "/d/sub", 0o700) == 0) }
            try write("10.180.0.11", to: file)
            let first = source()
            var updates = first.updates().makeAsyncIterator()
            let start = await updates.next()
            #expect(endpoint(start) == "10.180.0.11")
            #expect(start?.snapshot.issues.map(\.description) == [])
            try #require(rename(file, directory + "/keep") == 0)
            try #require(mkdir(file, 0o700) == 0)
            let update = await updates.next()
            #expect(endpoint(update) == "10.180.0.11")
            #expect(
                update?.snapshot.issues.map(\.description) == ["\(directory)/d/\(reason)"]
            )
            // A restart meanwhile.
            let again = source().load()
            #expect(endpoint(again) == "10.180.0.11")
            #expect(again?.snapshot.issues.map(\.description) == ["\(directory)/d/\(reason)"])
            try #require(rmdir(file) == 0)
            try #require(rename(directory + "/keep", file) == 0)
            while let update = await updates.next(), !update.snapshot.issues.isEmpty {}
        }
    }

    private func write(_ endpoint: String, to path: String, atomically: Bool = false) throws {
        try Self.web(endpoint).write(toFile: path, atomically: atomically, encoding: .utf8)
    }

    private func link(_ target: String, _ path: String) throws {
        try #require(symlink(target, path + ".new") == 0)
        try #require(rename(path + ".new", path) == 0)
    }

    @Test(
        "What a symbolic link leads to is followed: written in place, renamed over, through a chain",
        .timeLimit(.minutes(10)),
        arguments: [true, false]
    )
    func links(_ isDirectory: Bool) async throws {
        try await withDirectory { directory in
            try FileManager.default.createDirectory(
                atPath: directory + "/elsewhere/deep",
                withIntermediateDirectories: true
            )
            let target = directory + "/elsewhere/deep/web.yaml"
            try write("10.180.0.11", to: target)
            try link("deep/web.yaml", directory + "/elsewhere/middle")
            try link(directory + "/elsewhere/middle", directory + "/d/web.yaml")
            let path = directory + (isDirectory ? "/d" : "/d/web.yaml")
            let source = FileSource(path: path)
            var updates = source.updates().makeAsyncIterator()
            #expect(endpoint(await updates.next()) == "10.180.0.11")
            try write("10.180.0.12", to: target)
            while let update = await updates.next(), endpoint(update) != "10.180.0.12" {}
            try write("10.180.0.13", to: target, atomically: true)
            while let update = await updates.next(), endpoint(update) != "10.180.0.13" {}
            // A link of the chain is turned.
            try write("10.180.0.14", to: directory + "/elsewhere/other.yaml")
            try link("other.yaml", directory + "/elsewhere/middle")
            while let update = await updates.next(), endpoint(update) != "10.180.0.14" {}
            // A dangling link removes nothing, and is reported.
            try link("nowhere", directory + "/elsewhere/middle")
            guard isDirectory else { return }
            let dangling = await updates.next()
            #expect(endpoint(dangling) == "10.180.0.14")
            #expect(
                dangling?.snapshot.issues.map(\.description) == [
                    "\(directory)/d/web.yaml: is a dangling symbolic link; its Services stay"
                ]
            )
            try link("deep/web.yaml", directory + "/elsewhere/middle")
            while let update = await updates.next(), endpoint(update) != "10.180.0.13" {}
        }
    }

    @Test(
        "A manifest that has another name, or is mounted, is followed when it is changed there",
        .timeLimit(.minutes(10)),
        arguments: [true, false]
    )
    func otherNames(_ isDirectory: Bool) async throws {
        try await withDirectory { directory in
            let file = directory + "/d/web.yaml"
            try write("10.180.0.11", to: file)
            try FileManager.default.createDirectory(
                atPath: directory + "/elsewhere",
                withIntermediateDirectories: true
            )
            // As with a mount, changes there have no event of this directory.
            try #require(Glibc.link(file, directory + "/elsewhere/other") == 0)
            let source = FileSource(path: isDirectory ? directory + "/d" : file)
            var updates = source.updates().makeAsyncIterator()
            #expect(endpoint(await updates.next()) == "10.180.0.11")
            for address in ["10.180.0.12", "10.180.0.13"] {
                try write(address, to: directory + "/elsewhere/other")
                while let update = await updates.next(), endpoint(update) != address {}
            }
        }
    }

    @Test("A linked directory that is turned to another one is followed", .timeLimit(.minutes(10)))
    func linkedDirectory() async throws {
        try await withDirectory { directory in
            for (name, address) in [("v1", "10.180.0.11"), ("v2", "10.180.0.12")] {
                try FileManager.default.createDirectory(
                    atPath: "\(directory)/\(name)",
                    withIntermediateDirectories: true
                )
                try write(address, to: "\(directory)/\(name)/web.yaml")
            }
            try link("v1", directory + "/now")
            let source = FileSource(path: directory + "/now")
            var updates = source.updates().makeAsyncIterator()
            #expect(endpoint(await updates.next()) == "10.180.0.11")
            try link("v2", directory + "/now")
            while let update = await updates.next(), endpoint(update) != "10.180.0.12" {}
            try write("10.180.0.13", to: directory + "/v2/web.yaml")
            while let update = await updates.next(), endpoint(update) != "10.180.0.13" {}
        }
    }

    @Test(
        "Without an inotify instance files are polled every second, and watched again when one is free",
        .timeLimit(.minutes(10))
    )
    func exhaustion() async throws {
        try await withDirectory { directory in
            let file = directory + "/d/web.yaml"
            let isUsedUp = Atomic(true)
            let attempts = Atomic(0)
            try write("10.180.0.11", to: file)
            let source = FileSource(path: directory + "/d") {
                attempts.wrappingAdd(1, ordering: .relaxed)
                guard isUsedUp.load(ordering: .relaxed) else {
                    return DirectoryWatch.makeInstance()
                }
                errno = EMFILE
                return -1
            }
            var updates = source.updates().makeAsyncIterator()
            let first = await updates.next()
            #expect(endpoint(first) == "10.180.0.11")
            #expect(
                first?.snapshot.issues.map(\.description) == [
                    "\(directory)/d: cannot be watched (fs.inotify.max_user_instances is exhausted); polling it every second instead"
                ]
            )
            try write("10.180.0.12", to: file)
            while let update = await updates.next(), endpoint(update) != "10.180.0.12" {}
            // Nothing to read: checks go on, but without a sign of life.
            try #require(rename(directory + "/d", directory + "/away") == 0)
            while let update = await updates.next(),
                !update.snapshot.issues.contains(where: { $0.reason.contains("; retrying") })
            {}
            let look = try #require(source.lastLook)
            let before = attempts.load(ordering: .relaxed)
            // Each check tries to watch; the first one has ended when the second one tries.
            while attempts.load(ordering: .relaxed) < before + 2 {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(source.lastLook == look)
            try #require(rename(directory + "/away", directory + "/d") == 0)
            isUsedUp.store(false, ordering: .relaxed)
            while let update = await updates.next(), !update.snapshot.issues.isEmpty {}
            try write("10.180.0.13", to: file)
            while let update = await updates.next(), endpoint(update) != "10.180.0.13" {}
            #expect(try #require(source.lastLook) > look)
        }
    }

    @Test(
        "Where others can change a directory without events, all of it is polled",
        .timeLimit(.minutes(10))
    )
    func changesWithoutEvents() async throws {
        try await withDirectory { directory in
            // Changes of a mounted file that come over its other path are no events of this directory.
            let (file, other) = (directory + "/d/web.yaml", directory + "/web.yaml")
            for path in [file, other] { try write("10.180.0.11", to: path) }
            try #require(mount(other, file, nil, UInt(MS_BIND), nil) == 0)
            defer { umount2(file, Int32(MNT_DETACH)) }
            let source = FileSource(path: directory + "/d", isLocal: { _ in false })
            var updates = source.updates().makeAsyncIterator()
            #expect(endpoint(await updates.next()) == "10.180.0.11")
            try write("10.180.0.12", to: other)
            while let update = await updates.next(), endpoint(update) != "10.180.0.12" {}
        }
    }

    @Test(
        "A Service that moves to another file in one step is there all the time",
        .timeLimit(.minutes(10)),
        arguments: ["directory", "hard link", "ConfigMap"]
    )
    func moved(_ way: String) async throws {
        try await withDirectory { directory in
            func at(_ path: String) -> String { "\(directory)/\(path)" }
            let other = Self.web("10.180.0.12").replacing("shop/web", with: "shop/other")
            for folder in ["e", "d/..1", "d/..2"] { try #require(mkdir(at(folder), 0o700) == 0) }
            if way == "ConfigMap" {
                try write("10.180.0.11", to: at("d/..1/a.yaml"))
                try other.write(toFile: at("d/..1/b.yaml"), atomically: true, encoding: .utf8)
                try #require(symlink("..1", at("d/..data")) == 0)
                for name in ["a.yaml", "b.yaml"] {
                    try #require(symlink("..data/\(name)", at("d/\(name)")) == 0)
                }
            } else {
                try write("10.180.0.11", to: at("d/a.yaml"))
                try other.write(toFile: at("d/b.yaml"), atomically: true, encoding: .utf8)
            }
            let source = FileSource(path: at("d"))
            var updates = source.updates().makeAsyncIterator()
            #expect(await updates.next()?.snapshot.services.count == 2)
            let web = way == "hard link" ? "10.180.0.11" : "10.180.0.13"
            switch way {
            case "directory":
                try write(web, to: at("e/c.yaml"))
                try other.write(toFile: at("e/b.yaml"), atomically: true, encoding: .utf8)
                try #require(rename(at("d"), at("old")) == 0 && rename(at("e"), at("d")) == 0)
            case "hard link":
                try #require(Glibc.link(at("d/a.yaml"), at("d/c.yaml")) == 0)
                try #require(unlink(at("d/a.yaml")) == 0)
                // What follows is one update with it.
                try Self.web("10.180.0.14").replacing("shop/web", with: "shop/last")
                    .write(toFile: at("d/z.yaml"), atomically: true, encoding: .utf8)
            default:
                try write(web, to: at("d/..2/c.yaml"))
                try other.write(toFile: at("d/..2/b.yaml"), atomically: true, encoding: .utf8)
                try #require(symlink("..2", at("d/..new")) == 0)
                try #require(rename(at("d/..new"), at("d/..data")) == 0)
                try #require(symlink("..data/c.yaml", at("d/c.yaml")) == 0)
                try #require(unlink(at("d/a.yaml")) == 0)
            }
            while let update = await updates.next() {
                #expect(endpoint(update) != nil)
                let count = update.snapshot.services.count
                if update.snapshot.issues.isEmpty, endpoint(update) == web,
                    count == (way == "hard link" ? 3 : 2)
                {
                    break
                }
            }
        }
    }

    @Test("A mount over a manifest is noticed at rest", .timeLimit(.minutes(10)))
    func mountAtRest() async throws {
        try await withDirectory { directory in
            let (file, other) = (directory + "/d/web.yaml", directory + "/web.yaml")
            try write("10.180.0.11", to: file)
            try write("10.180.0.12", to: other)
            let source = FileSource(path: directory + "/d")
            var updates = source.updates().makeAsyncIterator()
            #expect(endpoint(await updates.next()) == "10.180.0.11")
            try #require(mount(other, file, nil, UInt(MS_BIND), nil) == 0)
            defer { umount2(file, Int32(MNT_DETACH)) }
            while let update = await updates.next(), endpoint(update) != "10.180.0.12" {}
            try #require(umount2(file, Int32(MNT_DETACH)) == 0)
            while let update = await updates.next(), endpoint(update) != "10.180.0.11" {}
        }
    }

    @Test(
        "At rest the last look is now; a new link is followed from rest",
        .timeLimit(.minutes(10))
    )
    func rest() async throws {
        try await withDirectory { directory in
            try write("10.180.0.11", to: directory + "/d/web.yaml")
            try write("10.180.0.12", to: directory + "/elsewhere.yaml")
            let source = FileSource(path: directory + "/d")
            var updates = source.updates().makeAsyncIterator()
            #expect(endpoint(await updates.next()) == "10.180.0.11")
            // It moves on between two questions at rest alone.
            func isAtRest() -> Bool {
                let first = source.lastLook
                return source.lastLook != first
            }
            while !isAtRest() { try await Task.sleep(for: .milliseconds(10)) }
            try link("../elsewhere.yaml", directory + "/d/web.yaml")
            while let update = await updates.next(), endpoint(update) != "10.180.0.12" {}
            try write("10.180.0.13", to: directory + "/elsewhere.yaml")
            while let update = await updates.next(), endpoint(update) != "10.180.0.13" {}
            while !isAtRest() { try await Task.sleep(for: .milliseconds(10)) }
            let start = ContinuousClock.now
            try write("10.180.0.14", to: directory + "/elsewhere.yaml")
            while let update = await updates.next(), endpoint(update) != "10.180.0.14" {}
            // Without events only a check that is made in any case sees it.
            #expect(ContinuousClock.now - start < .seconds(8))
        }
    }

    @Test(
        "One file of many is deleted; all of them at once are missing",
        .timeLimit(.minutes(10))
    )
    func removals() async throws {
        try await withDirectory { directory in
            func file(_ index: Int) -> String { "\(directory)/d/\(index).yaml" }
            for index in 0..<6 {
                try Self.web("10.180.0.11").replacing("shop/web", with: "shop/s\(index)")
                    .write(toFile: file(index), atomically: true, encoding: .utf8)
            }
            let source = FileSource(path: directory + "/d")
            var updates = source.updates().makeAsyncIterator()
            #expect(await updates.next()?.snapshot.services.count == 6)
            try #require(unlink(file(0)) == 0)
            let one = try #require(await updates.next())
            let name = ServiceName(namespace: "shop", name: "s0")
            #expect(one.removals.services == [name: .deleted])
            for index in 1..<6 { try #require(unlink(file(index)) == 0) }
            let all = try #require(await updates.next())
            #expect(all.removals.services.count == 5)
            #expect(all.removals.services.values.allSatisfy { $0 == .missing })
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
