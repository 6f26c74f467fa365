// Esper on the payments of `decide_load export`: the same five aggregates over the same windows of three keys, one thread, events as
// object arrays, time from the events. Parsing is outside the time. Run by script/bench peers.
//
//   java -cp 'lib/*' EsperWindows.java payments.csv WARM_UP LONGEST_DAYS

import com.espertech.esper.common.client.EventBean;
import com.espertech.esper.common.client.configuration.Configuration;
import com.espertech.esper.compiler.client.CompilerArguments;
import com.espertech.esper.compiler.client.EPCompilerProvider;
import com.espertech.esper.runtime.client.EPDeployment;
import com.espertech.esper.runtime.client.EPRuntime;
import com.espertech.esper.runtime.client.EPRuntimeProvider;
import com.espertech.esper.runtime.client.EPStatement;
import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

public class EsperWindows {
  static long checksum = 0;

  public static void main(String[] args) throws Exception {
    int warmUp = Integer.parseInt(args[1]);
    Configuration configuration = new Configuration();
    configuration.getCommon().getTimeSource().setTimeUnit(TimeUnit.MICROSECONDS);
    configuration.getRuntime().getThreading().setInternalTimerEnabled(false);
    configuration.getRuntime().getThreading().setListenerDispatchPreserveOrder(false);
    configuration.getCommon().addEventType("Payment", new String[] {"id", "ts", "payer", "payee", "device", "amount"},
        new Object[] {long.class, long.class, String.class, String.class, String.class, long.class});

    StringBuilder epl = new StringBuilder();
    String[][] keys = {{"payer", "payee"}, {"payee", "payer"}, {"device", "payer"}};
    for (String[] key : keys) {
      for (String length : new String[] {"1 hour", "1 day", args[2] + " days"}) {
        epl.append(String.format(
            "select id, count(*) as c, sum(amount) as s, avg(amount) as a, max(amount) as m, count(distinct %s) as d"
                + " from Payment#ext_timed(ts, %s) group by %s;\n",
            key[1], length, key[0]));
      }
    }
    EPRuntime runtime = EPRuntimeProvider.getDefaultRuntime(configuration);
    EPDeployment deployment = runtime.getDeploymentService().deploy(
        EPCompilerProvider.getCompiler().compile(epl.toString(), new CompilerArguments(configuration)));
    for (EPStatement statement : deployment.getStatements()) {
      statement.addListener((rows, old, from, in) -> {
        for (EventBean row : rows) {
          checksum += (Long) row.get("c") + (Long) row.get("d");
          if (row.get("s") == null || row.get("a") == null || row.get("m") == null) {
            throw new IllegalStateException("an aggregate is missing");
          }
        }
      });
    }

    List<Object[]> payments = new ArrayList<>();
    try (BufferedReader lines = Files.newBufferedReader(Path.of(args[0]))) {
      lines.readLine();
      for (String line; (line = lines.readLine()) != null;) {
        String[] cells = line.split(",");
        payments.add(new Object[] {(long) payments.size(), Long.parseLong(cells[0]), cells[1], cells[2], cells[3], Long.parseLong(cells[4])});
      }
    }
    for (Object[] payment : payments.subList(0, warmUp)) {
      runtime.getEventService().sendEventObjectArray(payment, "Payment");
    }
    checksum = 0;
    long[] took = new long[payments.size() - warmUp];
    long begin = System.nanoTime();
    for (int i = 0; i < took.length; ++i) {
      long sent = System.nanoTime();
      runtime.getEventService().sendEventObjectArray(payments.get(warmUp + i), "Payment");
      took[i] = System.nanoTime() - sent;
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    Arrays.sort(took);
    System.out.printf("{\"name\":\"windows\",\"peer\":\"Esper 8.9.0\",\"steps\":%d,\"per_s\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"checksum\":%d}%n",
        took.length, took.length / seconds, took[took.length / 2] / 1e3, took[(int) (took.length * 0.99)] / 1e3, checksum);
  }
}
