import apex.jorje.semantic.common.TestAccessEvaluator;
import apex.jorje.semantic.common.TestQueryValidators;
import apex.jorje.semantic.common.TestSymbolProvider;
import apex.jorje.semantic.compiler.ApexCompiler;
import apex.jorje.semantic.compiler.CodeUnit;
import apex.jorje.semantic.compiler.CompilationInput;
import apex.jorje.semantic.compiler.CompilerStage;
import apex.jorje.semantic.compiler.Namespaces;
import apex.jorje.semantic.compiler.SourceFile;
import apex.jorje.semantic.compiler.sfdc.NoopCompilerProgressCallback;
import apex.jorje.semantic.compiler.sfdc.SymbolProvider;
import apex.jorje.semantic.symbol.resolver.SymbolResolver;
import apex.jorje.semantic.symbol.type.TypeInfo;
import apex.jorje.services.Version;
import apex.jorje.services.exception.CompilationException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What Salesforce's own compiler says of the package, as far as it can without an org: it knows the platform's classes from
 * the library beside it, and no sObject. So what hangs on sObjects and on the platform's exceptions, which the library shows
 * without their ancestors, is left to the semantic checker; annotations, visibility, modifiers and control flow are here.
 *
 * <p>java -cp 'the jars' Compile.java FOLDER
 */
public class Compile {
  /** What the compiler says where it misses a symbol that an org has. */
  private static final Pattern OF_AN_ORG =
      Pattern.compile(
          "(Invalid type|Variable does not exist|Field does not exist|Method does not exist or incorrect signature"
              + "|Catch block variable must be of type exception|Throw expression must be of type exception"
              + "|DML requires SObject|Invalid loop variable type|Illegal assignment).*",
          Pattern.DOTALL);

  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    List<SourceFile> sources = new ArrayList<>();
    for (Path path : below(folder, ".cls", ".trigger")) {
      String name = folder.relativize(path).toString();
      sources.add(SourceFile.builder().setBody(Files.readString(path)).setKnownName(name).setVersion(Version.CURRENT).build());
    }
    Platform platform = new Platform();
    CompilationInput input =
        new CompilationInput(
            sources,
            platform,
            new TestAccessEvaluator(),
            new TestQueryValidators.Noop(),
            null,
            NoopCompilerProgressCallback.get());
    ApexCompiler compiler = ApexCompiler.builder().setInput(input).build();
    platform.compiler = compiler;
    compiler.compile(CompilerStage.ADDITIONAL_VALIDATE);
    int faults = 0;
    int units = 0;
    for (CodeUnit unit : compiler.getCodeUnits()) {
      if (!sources.contains(unit.getSourceFile())) {
        continue;
      }
      units++;
      for (CompilationException error : unit.getErrors().get()) {
        if (!OF_AN_ORG.matcher(error.getError()).matches()) {
          System.out.println(
              unit.getSourceFile().getKnownName() + ":" + error.getLoc().getLine() + ": " + error.getError());
          faults++;
        }
      }
    }
    System.out.println(units + " classes and triggers, " + faults + " faults");
    System.exit(faults == 0 && units == sources.size() && units > 0 ? 0 : 1);
  }

  private static List<Path> below(Path folder, String... endings) throws Exception {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(path -> Stream.of(endings).anyMatch(path.toString()::endsWith)).sorted().collect(Collectors.toList());
    }
  }

  /** The platform's classes, each read from the library when it is first asked for. */
  private static class Platform extends TestSymbolProvider {
    private static final String PREFIX = "com/salesforce/api/";
    private final Map<String, String> library = new HashMap<>();
    private final Map<String, TypeInfo> known = new HashMap<>();
    private ApexCompiler compiler;

    Platform() throws Exception {
      Path jar = Path.of(SymbolProvider.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      try (FileSystem inside = FileSystems.newFileSystem(jar, (ClassLoader) null)) {
        for (Path path : below(inside.getPath("/StandardApexLibrary"), ".cls")) {
          String namespace = path.getParent().getFileName().toString();
          String name = path.getFileName().toString().replace(".cls", "");
          library.put((namespace + "/" + name).toLowerCase(), Files.readString(path));
        }
      }
    }

    @Override
    public TypeInfo find(SymbolResolver resolver, TypeInfo referencing, String name) {
      TypeInfo built = super.find(resolver, referencing, name);
      String key = name.startsWith(PREFIX) ? name.substring(PREFIX.length()) : name;
      if (built != null || !library.containsKey(key) || known.containsKey(key)) {
        return built != null ? built : known.get(key);
      }
      known.put(key, null);
      SourceFile source =
          SourceFile.builder()
              .setBody(library.get(key))
              .setKnownName(key)
              .setTrusted(true)
              .setMocked(true)
              .setVersion(Version.CURRENT)
              .setNamespace(Namespaces.create(key.substring(0, key.indexOf('/'))))
              .build();
      known.put(key, compiler.attachSource(resolver, source, key));
      return known.get(key);
    }
  }
}
