import io.github.apexdevtools.apexparser.ApexParser;
import io.github.apexdevtools.apexparser.ApexParserFactory;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.antlr.v4.runtime.CharStreams;
import org.antlr.v4.runtime.ParserRuleContext;
import org.antlr.v4.runtime.tree.ParseTree;

/**
 * Holds the names of objects and fields that no other check looks into against the standard objects and those of the package:
 * in queries in brackets, in what an admin chooses by a record of Belay_Task__mdt (where a wrong name is left out in silence),
 * and in permission sets, together with the classes that these open. A query put together from text is for the Apex tests.
 *
 * <p>java -cp 'the jars' Schema.java FOLDER
 */
public class Schema {
  private static final String STANDARD = "com/nawforce/runforce/SObjects/";
  /** Standard objects that the library of types does not show. */
  private static final List<String> UNSHOWN = List.of("UserExternalCredential");
  private static final Pattern CHILD_LINE = Pattern.compile("\\s*(\\w+)\\s*(?:\\(\\s*\\d+\\s*\\))?\\s*:\\s*(.+)");

  /** Object to its fields, each with the object that it leads to: a parent or, of children, theirs; or "" for a value. */
  private final Map<String, Map<String, String>> objects = new HashMap<>();
  /** Standard objects by the name in small letters; they are read when they are first asked for. */
  private final Map<String, String> standard = new HashMap<>();
  private final Set<String> classes = new HashSet<>();
  private int looked;
  private int faults;

  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    Schema schema = new Schema();
    schema.learn(folder);
    for (Path path : below(folder, ".cls", ".trigger")) {
      String name = folder.relativize(path).toString();
      var text = CharStreams.fromString(Files.readString(path));
      ApexParser parser = ApexParserFactory.createParser(text);
      schema.read(name, path.toString().endsWith(".cls") ? parser.compilationUnit() : parser.triggerUnit());
    }
    for (Path path : below(folder, ".md-meta.xml")) {
      if (path.getFileName().toString().startsWith("Belay_Task.")) {
        schema.readChoice(folder.relativize(path).toString(), Files.readString(path));
      }
    }
    for (Path path : below(folder, ".permissionset-meta.xml")) {
      schema.readPermissions(folder.relativize(path).toString(), Files.readString(path));
    }
    System.out.println(schema.looked + " names of objects, fields and classes, " + schema.faults + " not in the schema");
    System.exit(schema.faults == 0 && schema.looked > 0 ? 0 : 1);
  }

  private static List<Path> below(Path folder, String... endings) throws Exception {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(path -> Stream.of(endings).anyMatch(path.toString()::endsWith)).sorted().collect(Collectors.toList());
    }
  }

  // What there is

  private void learn(Path folder) throws Exception {
    Class<?> any = Class.forName(STANDARD.replace('/', '.') + "Account");
    Path jar = Path.of(any.getProtectionDomain().getCodeSource().getLocation().toURI());
    try (JarFile inside = new JarFile(jar.toFile())) {
      inside.stream()
          .map(entry -> entry.getName())
          .filter(name -> name.startsWith(STANDARD) && name.endsWith(".class") && !name.contains("$"))
          .map(name -> name.substring(STANDARD.length(), name.length() - ".class".length()))
          .forEach(name -> standard.put(small(name), name));
    }
    UNSHOWN.forEach(this::fieldsOf);
    for (Path path : below(folder, ".cls")) {
      classes.add(path.getFileName().toString().replaceAll("\\.cls$", ""));
    }
    for (Path path : below(folder, ".object-meta.xml")) {
      fieldsOf(path.getParent().getFileName().toString());
    }
    for (Path path : below(folder, ".field-meta.xml")) {
      String object = path.getParent().getParent().getFileName().toString();
      String text = Files.readString(path);
      Map<String, String> fields = fieldsOf(object);
      String name = first(text, "fullName");
      fields.put(small(name), "");
      String parent = first(text, "referenceTo");
      if (parent != null) {
        fields.put(small(name).replaceAll("__c$", "__r"), parent);
        String children = first(text, "relationshipName");
        if (children != null) {
          fieldsOf(parent).put(small(children) + "__r", object);
        }
      }
    }
  }

  /** The fields of an object; null where there is no such object. */
  private Map<String, String> find(String object) {
    String key = small(object);
    return objects.containsKey(key) || standard.containsKey(key) ? fieldsOf(object) : null;
  }

  private Map<String, String> fieldsOf(String object) {
    return objects.computeIfAbsent(small(object), key -> standard.containsKey(key) ? standardFields(key) : customFields(key));
  }

  private Map<String, String> standardFields(String key) {
    Map<String, String> fields = new TreeMap<>();
    try {
      for (Field field : Class.forName(STANDARD.replace('/', '.') + standard.get(key)).getFields()) {
        Class<?> type = field.getType().isArray() ? field.getType().getComponentType() : field.getType();
        boolean leads = type.getName().startsWith(STANDARD.replace('/', '.'));
        fields.put(small(field.getName()), leads ? type.getSimpleName() : "");
      }
    } catch (ClassNotFoundException impossible) {
      throw new IllegalStateException(impossible);
    }
    return fields;
  }

  private static Map<String, String> customFields(String key) {
    Map<String, String> fields = new TreeMap<>();
    List<String> names =
        key.endsWith("__mdt")
            ? List.of("Id", "DeveloperName", "MasterLabel", "Label", "Language", "NamespacePrefix", "QualifiedApiName")
            : List.of("Id", "Name", "CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate", "SystemModstamp", "IsDeleted", "OwnerId");
    names.forEach(name -> fields.put(small(name), ""));
    return fields;
  }

  // What is said of it

  /** Walks a tree of Apex; every query is looked into where it stands. */
  private void read(String file, ParseTree tree) {
    if (tree instanceof ApexParser.QueryContext) {
      ApexParser.QueryContext query = (ApexParser.QueryContext) tree;
      new Query(file, query, query.fromNameList(), null).read();
      return;
    }
    for (int i = 0; i < tree.getChildCount(); i++) {
      read(file, tree.getChild(i));
    }
  }

  /** One SELECT: the objects that it reads from, and the names that stand for them or for values. */
  private class Query {
    private final String file;
    private final ParseTree tree;
    private final Map<String, String> from = new HashMap<>();
    private final Set<String> values = new HashSet<>();
    private String object;

    Query(String file, ParseTree tree, ApexParser.FromNameListContext names, String parent) {
      this.file = file;
      this.tree = tree;
      String name = names.fieldName(0).getText();
      object = parent == null ? name : resolve(file, line(names), parent, name);
      if (parent == null && find(name) == null) {
        fault(file, line(names), name + " is no object");
        object = null;
      }
      looked++;
      // FROM Account a: the word after the object is its other name.
      for (ApexParser.SoqlIdContext alias : names.soqlId()) {
        from.put(small(alias.getText()), object);
      }
    }

    void read() {
      aliases(tree);
      walk(tree);
    }

    private void aliases(ParseTree part) {
      if (part instanceof ApexParser.SelectEntryContext && ((ApexParser.SelectEntryContext) part).soqlId() != null) {
        values.add(small(((ApexParser.SelectEntryContext) part).soqlId().getText()));
      }
      for (int i = 0; i < part.getChildCount(); i++) {
        aliases(part.getChild(i));
      }
    }

    private void walk(ParseTree part) {
      if (part instanceof ApexParser.FromNameListContext) {
        return;
      }
      if (part instanceof ApexParser.SubQueryContext && part != tree) {
        ApexParser.SubQueryContext below = (ApexParser.SubQueryContext) part;
        boolean children =
            below.getParent() instanceof ApexParser.SelectEntryContext
                || below.getParent() instanceof ApexParser.SubFieldEntryContext;
        if (!children || object != null) {
          new Query(file, below, below.fromNameList(), children ? object : null).read();
        }
        return;
      }
      if (part instanceof ApexParser.WhenClauseContext) {
        ApexParser.WhenClauseContext when = (ApexParser.WhenClauseContext) part;
        for (ApexParser.FieldNameContext each : when.fieldNameList().fieldName()) {
          resolve(file, line(each), when.fieldName().getText(), each.getText());
        }
        return;
      }
      if (part instanceof ApexParser.ElseClauseContext) {
        // What all that can stand here have in common.
        for (ApexParser.FieldNameContext each : ((ApexParser.ElseClauseContext) part).fieldNameList().fieldName()) {
          resolve(file, line(each), "Name", each.getText());
        }
        return;
      }
      if (part instanceof ApexParser.FieldNameContext && object != null) {
        String path = part.getText();
        String head = small(path.split("\\.")[0]);
        if (values.contains(head)) {
          return;
        }
        if (from.get(head) != null && path.contains(".")) {
          resolve(file, line((ApexParser.FieldNameContext) part), from.get(head), path.substring(path.indexOf('.') + 1));
        } else {
          resolve(file, line((ApexParser.FieldNameContext) part), object, path);
        }
        return;
      }
      for (int i = 0; i < part.getChildCount(); i++) {
        walk(part.getChild(i));
      }
    }
  }

  /** Fields and children that an admin's choice names. */
  private void readChoice(String file, String text) {
    Map<String, String> values = new HashMap<>();
    Matcher each = Pattern.compile("<field>(\\w+)</field>\\s*<value[^/>]*>([^<]*)</value>").matcher(text);
    while (each.find()) {
      values.put(each.group(1), each.group(2).trim());
    }
    String object = values.get("Object__c");
    looked++;
    if (object == null || find(object) == null) {
      fault(file, 0, object + " is no object");
      return;
    }
    for (String path : values.getOrDefault("Fields__c", "").split("[,;\\s]+")) {
      if (!path.isEmpty()) {
        resolve(file, 0, object, path);
      }
    }
    for (String line : values.getOrDefault("Children__c", "").split("\n")) {
      Matcher child = CHILD_LINE.matcher(line);
      if (line.isBlank()) {
        continue;
      }
      if (!child.matches()) {
        fault(file, 0, line.trim() + " is no line of children");
        continue;
      }
      String of = resolve(file, 0, object, child.group(1));
      for (String path : of == null ? new String[0] : child.group(2).trim().split("[,;\\s]+")) {
        resolve(file, 0, of, path);
      }
    }
  }

  /** Objects, fields and classes that a permission set opens. */
  private void readPermissions(String file, String text) {
    for (String field : all(text, "field")) {
      resolve(file, 0, field.substring(0, field.indexOf('.')), field.substring(field.indexOf('.') + 1));
    }
    for (String object : all(text, "object")) {
      looked++;
      if (find(object) == null) {
        fault(file, 0, object + " is no object");
      }
    }
    for (String name : all(text, "apexClass")) {
      looked++;
      if (!classes.contains(name)) {
        fault(file, 0, name + " is no class");
      }
    }
  }

  /** What a path leads to, from an object on; a fault, and null, where there is no such field. */
  private String resolve(String file, int line, String object, String path) {
    looked++;
    String at = object;
    for (String step : path.split("\\.")) {
      Map<String, String> fields = find(at);
      if (fields == null) {
        fault(file, line, at.isEmpty() ? path + " goes on behind a value" : at + " is no object");
        return null;
      }
      String next = fields.get(small(step));
      if (next == null) {
        fault(file, line, at + " has no field " + step);
        return null;
      }
      at = next;
    }
    return at;
  }

  private void fault(String file, int line, String what) {
    System.out.println(file + (line > 0 ? ":" + line : "") + ": " + what);
    faults++;
  }

  private static int line(ParserRuleContext part) {
    return part.getStart().getLine();
  }

  private static String small(String name) {
    return name.toLowerCase(Locale.ROOT);
  }

  private static String first(String text, String element) {
    List<String> found = all(text, element);
    return found.isEmpty() ? null : found.get(0);
  }

  private static List<String> all(String text, String element) {
    List<String> found = new ArrayList<>();
    Matcher each = Pattern.compile("<" + element + ">\\s*([^<\\s]+)\\s*</" + element + ">").matcher(text);
    while (each.find()) {
      found.add(each.group(1));
    }
    return found;
  }
}
